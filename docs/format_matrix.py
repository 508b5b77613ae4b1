"""The two tables of docs/formats.md: what each log format is, and how well it fits each sample of tests/log_samples.

python docs/format_matrix.py            # print the matrix
python docs/format_matrix.py --write    # write both tables into the page, between their marks
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import polars as pl

from rationanomaly.params import load_params
from rationanomaly.parse import formats
from rationanomaly.parse.detection import LEAST, Weight, best_of, weigh
from rationanomaly.parse.formats import Format
from rationanomaly.parse.lines import Counts, split_lines
from rationanomaly.parse.source import Piece, Source

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "formats.md"
SAMPLES = ROOT / "tests" / "log_samples"
_MARKS = "<!-- {}: python docs/format_matrix.py --write -->", "<!-- end of {} -->"
#: Characters of an example line.
_WIDTH = 110


def draw_matrix() -> str:
    """A row per sample, a column per format: the share of the sample's lines that bear the marks of the format."""
    known = _detectable()
    rows = [_row("sample", "found", "confidence", *known), _row(*["---"] * (3 + len(known)))]
    for sample in sorted(SAMPLES.glob("*.log")):
        weights = fits(sample)
        best = best_of(weights, known)
        name, confidence = (best.format.name, f"{best.confidence:.0%}") if best.confidence >= LEAST else ("none", "")
        marked = [f"{weight.marked:.0%}" if weight.marked else "" for weight in weights.values()]
        rows.append(_row(sample.stem, name, confidence, *marked))
    return "\n".join(rows)


def draw_formats() -> str:
    """A row per format: its name, what writes it, a line from its samples, and the columns that those have."""
    rows = [_row("`data.format`", "what writes it", "a line", "columns"), _row(*["---"] * 4)]
    for name, form in _detectable().items():
        samples = [first_lines(path) for path in sorted(SAMPLES.glob(f"{name}.*.log"))]
        rows.append(_row(f"`{name}`", form.summary, *_example(form, samples)))
    return "\n".join(rows)


@cache
def fits(sample: Path) -> Mapping[str, Weight]:
    """How well each format fits a sample."""
    return weigh(first_lines(sample), _detectable())


def first_lines(path: Path) -> pl.Series:
    """The lines of a sample as `parse` gets them."""
    return pl.concat(list(split_lines(Source(path, 1).chunks(Piece(path)), 2**20, Counts())))["raw"]


def with_tables(page: str) -> str:
    """The page with the tables of today."""
    for name, draw in (("formats", draw_formats), ("matrix", draw_matrix)):
        begin, end = (mark.format(name) for mark in _MARKS)
        before, _, behind = page.partition(begin)
        page = f"{before}{begin}\n\n{draw()}\n\n{end}{behind.partition(end)[2]}"
    return page


def _detectable() -> Mapping[str, Format]:
    settings = load_params(ROOT / "rationanomaly" / "defaults.yaml", []).parse
    return {name: form for name, form in formats.formats(settings).items() if form.detectable}


def _example(form: Format, samples: list[pl.Series]) -> tuple[str, str]:
    """The line of the samples that shows most, and the columns that any of them has."""
    if not samples:
        return "", ""
    raw = pl.concat(samples).rename("raw")
    read = form.read(raw.to_frame()).drop("continues")
    shown = read.select(pl.sum_horizontal(pl.all().is_not_null())).to_series()
    shown = shown * read["message"].is_not_null() - raw.str.len_chars() / 10_000
    line = raw[shown.arg_max() or 0].replace("\t", "  ").replace("|", "\\|").replace("`", "'")
    columns = [name for name in read.columns if read[name].null_count() < read.height]
    return f"`{line[:_WIDTH]}{'…' if len(line) > _WIDTH else ''}`", ", ".join(columns)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        sys.stdout.write(f"{draw_matrix()}\n")
