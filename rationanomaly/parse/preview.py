"""What `parse` would make of a log, from its first lines: format, templates, and what does not fit."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import polars as pl
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rationanomaly.errors import InputError, ParamsError
from rationanomaly.params import ParseParams
from rationanomaly.parse import formats
from rationanomaly.parse.clock import Clock
from rationanomaly.parse.detection import SAMPLE, best_of, weigh
from rationanomaly.parse.formats import Format
from rationanomaly.parse.joining import Joiner
from rationanomaly.parse.lines import Counts, split_lines
from rationanomaly.parse.mining import Miner
from rationanomaly.parse.raw_records import join_raw
from rationanomaly.parse.reading import AUTO, detect_format, first_together
from rationanomaly.parse.redaction import Redactor
from rationanomaly.parse.session_json import SESSION_FILES
from rationanomaly.parse.source import Source, no_line
from rationanomaly.parse.table import TABLE
from rationanomaly.text.untrusted import for_terminal

logger = logging.getLogger(__name__)

_TEMPLATES = 10
_REJECTS = 5
_WIDTH = 100


@dataclass(frozen=True)
class Preview:
    """The first lines of a log as `parse` sees them.

    Attributes:
        path: the log.
        format: name of the format that was used; None if none fits.
        detected: whether it was detected, not named.
        shares: share of the lines that fit each format, the best first.
        lines: number of lines looked at.
        records: number of records in them.
        first: time of the first record, or None.
        templates: ``lines``, ``template`` and ``example`` of the most frequent templates.
        more: number of further templates.
        rejected: the first lines that do not fit: ``line`` and ``raw``.
        rejects: number of such lines.
    """

    path: Path
    format: str | None
    detected: bool
    shares: Mapping[str, float]
    lines: int
    records: int
    first: str | None
    templates: pl.DataFrame
    more: int
    rejected: pl.DataFrame
    rejects: int


def preview(path: Path, format_name: str, settings: ParseParams) -> Preview:
    """Look at the first `detection.SAMPLE` lines of a log; nothing is written.

    Raises:
        InputError: missing or empty file.
        ParamsError: no such format, or that of a table.
    """
    if format_name in (TABLE, SESSION_FILES):
        what = "a table of templates is taken as it stands"
        what = what if format_name == TABLE else "sessions in JSON Lines are taken as they stand"
        raise ParamsError(what, hint="Set data.format to auto to preview a log")
    lines = _first_lines(path, settings)
    form, shares = _format_of(path, format_name, lines, settings)
    reader = form or formats.find(next(iter(shares)), settings)
    found = lines.height
    lines = reader.without_headers(lines)
    lines = join_raw(lines if reader.expand is None else reader.expand(lines), reader, settings.max_line_bytes)
    joined = Joiner(hold=False, limit=settings.max_line_bytes, form=reader).join(lines.hstack(reader.read(lines)))
    miner = Miner.new(settings)
    named = miner.name(miner.take(Clock(settings.year).set_right(joined.records)))
    templates = (
        named.group_by("template", maintain_order=True)
        .agg(pl.len().alias("lines"), pl.col("message").last().alias("example"))
        .sort("lines", descending=True, maintain_order=True)
        .select("lines", "template", "example")
    )
    return Preview(
        path=path,
        format=None if form is None else form.name,
        detected=format_name == AUTO,
        shares=shares,
        lines=found,
        records=named.height,
        first=named.select(pl.col("time").first().dt.to_string("iso:strict")).item() if named.height else None,
        templates=templates.head(_TEMPLATES),
        more=max(templates.height - _TEMPLATES, 0),
        rejected=joined.rejected.head(_REJECTS),
        rejects=joined.rejected.height,
    )


def _format_of(
    path: Path, name: str, lines: pl.DataFrame, settings: ParseParams
) -> tuple[Format | None, Mapping[str, float]]:
    """The format by which parse would read the lines, None if it would not, and how well each fits."""
    known = {one: form for one, form in formats.formats(settings).items() if form.detectable or one == name}
    shares = best_of(weigh(lines["raw"], known), known).shares
    if name != AUTO:
        form = formats.find(name, settings)
        read = form.read(join_raw(lines, form, settings.max_line_bytes))["message"]
        return (form if read.null_count() < read.len() else None), shares
    try:
        return detect_format(lines["raw"], settings, path), shares
    except InputError:
        return None, shares


def show_preview(seen: Preview, console: Console) -> None:
    """Print a preview as readable tables."""
    source = "detected" if seen.detected else "named"
    best = ", ".join(f"{name} {share:.0%}" for name, share in islice(seen.shares.items(), 3) if share)
    console.print(f"\n[bold]{escape(for_terminal(str(seen.path)))}[/], the first {seen.lines:,} lines")
    console.print(f"  format   [bold]{seen.format or 'none fits'}[/] ({source}; confidence: {best or 'none'})")
    console.print(f"  records  {seen.records:,}, the first at {seen.first or 'an unknown time'}")
    count = seen.templates.height
    console.print(f"\n[bold]Templates[/]  [dim]{count} of {count + seen.more}, most frequent first[/]")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("lines", justify="right")
    table.add_column("template")
    table.add_column("an example", style="dim")
    for lines, template, example in seen.templates.iter_rows():
        table.add_row(f"{lines:,}", _inert(template), _inert(example))
    console.print(table)
    if seen.rejects:
        console.print(f"[bold]Lines that do not fit[/]  [dim]{seen.rejected.height} of {seen.rejects:,}[/]")
        for line, raw in seen.rejected.iter_rows():
            console.print(f"  {line:>6}  {_inert(raw)}", soft_wrap=True)
        if seen.rejects > seen.records:
            console.print("Name the format with --set data.format=NAME, or describe it with parse.pattern (custom).")


def _inert(text: str) -> str:
    """The beginning of a text from a log, for a table of rich."""
    return escape(for_terminal(text[:_WIDTH]))


def _first_lines(path: Path, settings: ParseParams) -> pl.DataFrame:
    source = Source(path, settings.max_expansion, max_line_bytes=settings.max_line_bytes)
    # The first of several files stands for all.
    frames = split_lines(source.chunks(source.pieces[0]), settings.max_line_bytes, Counts())
    lines = next(first_together(frames, SAMPLE), None)
    if lines is None or not lines.height:
        raise no_line(path, source.truncated)
    if source.truncated:
        logger.warning("%s: breaks off; what it holds is shown", path)
    return Redactor(settings.redact, settings.redact_patterns).redact(lines.head(SAMPLE))
