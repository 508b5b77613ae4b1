"""Print how well each log format fits each sample of tests/log_samples, as a table for docs/formats.md.

python docs/format_matrix.py            # print it
python docs/format_matrix.py --write    # write it into docs/formats.md, between the two marks
"""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

from rationanomaly.params import load_params
from rationanomaly.parse import formats
from rationanomaly.parse.detection import LEAST, best_of, weigh
from rationanomaly.parse.lines import Counts, split_lines

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "formats.md"
SAMPLES = ROOT / "tests" / "log_samples"
BEGIN, END = "<!-- matrix: python docs/format_matrix.py --write -->", "<!-- end of the matrix -->"


def draw() -> str:
    """The matrix as Markdown: a row per sample, a column per format."""
    settings = load_params(ROOT / "rationanomaly" / "defaults.yaml", []).parse
    known = {name: form for name, form in formats.formats(settings).items() if form.detectable}
    rows = [_row("sample", "found", "confidence", *known), _row(*["---"] * (3 + len(known)))]
    for sample in sorted(SAMPLES.glob("*.log")):
        raw = first_lines(sample)
        weights = weigh(raw, known)
        found = best_of(weights, known)
        name, confidence = (found.format.name, f"{found.confidence:.0%}") if found.confidence >= LEAST else ("none", "")
        marked = [f"{weight.marked:.0%}" if weight.marked else "" for weight in weights.values()]
        rows.append(_row(sample.stem, name, confidence, *marked))
    return "\n".join(rows)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def first_lines(path: Path) -> pl.Series:
    """The lines of a sample as `parse` gets them."""
    frames = split_lines([path.read_bytes()], 2**20, Counts())
    return pl.concat(list(frames))["raw"]


def with_matrix(page: str) -> str:
    """The page with the matrix of today."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{draw()}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(with_matrix(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        sys.stdout.write(f"{draw()}\n")
