"""Logs that came through AWS CloudWatch: of `aws logs tail`, of `sam logs`, exported to S3; those of Lambda."""

from __future__ import annotations

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.fields import groups, iso_time

_SECONDS = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"
_LINE = (
    rf"^(?:(?<front>[0-9]{{4}}/[0-9]{{2}}/[0-9]{{2}}/[^ ]+) )?"
    rf"(?<time>{_SECONDS}(?:\.[0-9]+)?(?:Z|\+00:00)?)(?: (?<text>.*))?$"
)
_FIRST = r"^(?<word>[^ ]*)(?: (?<others>.*))?$"
#: Names of streams that services of AWS make, such as `2024/05/01/[$LATEST]3dd8…`, `ecs/shop/3dd8…`, `eni-3dd8…-all`.
_STREAM = r"[0-9a-f]{32}$|^eni-[0-9a-f]{8}"
_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
#: What Lambda's runtimes put before a message, parted by tabs: Node.js `TIME ID LEVEL`, Python `[LEVEL] TIME ID`.
_RUNTIME = (
    rf"^(?:\[[A-Z]+\]\t{_SECONDS}\.[0-9]{{3}}Z\t(?:{_ID})?\t|{_SECONDS}\.[0-9]{{3}}Z\t(?:{_ID}|undefined)\t[A-Z]+\t)"
)
_PLATFORM = rf"^(?:START|END|REPORT) RequestId: ({_ID})"
#: The least share of lines with marks that shows where the lines without them, those of `print`, come from.
_LEAST = 0.1


def formats(_settings: ParseParams | None) -> list[Format]:
    """CloudWatch; where nothing but the time shows that it was there, `timestamped` takes the log."""
    return [Format("cloudwatch", "AWS CloudWatch and Lambda", parse, marks=marks)]


def parse(lines: pl.DataFrame) -> pl.DataFrame:
    """``TIME STREAM MESSAGE`` or ``TIME MESSAGE``. The node is the stream, the thread the request of Lambda."""
    text = pl.col("text")
    runtime = text.str.extract(f"({_RUNTIME})")
    return _split(lines).select(
        time=iso_time(pl.col("time")),
        node="stream",
        level=runtime.str.extract(r"\b([A-Z]{3,})\b"),
        thread=pl.coalesce(runtime.str.extract(f"({_ID})"), text.str.extract(_PLATFORM)),
        message=text.str.replace(_RUNTIME, "").str.strip_chars_end(),
    )


def marks(lines: pl.DataFrame) -> pl.Series:
    """Lines that fit, if a tenth of them have a stream's name as services of AWS make them, or the marks of Lambda."""
    found = _split(lines)
    of_lambda = found["text"].str.contains(f"{_RUNTIME}|{_PLATFORM}|^INIT_START Runtime Version: ").fill_null(False)
    marked, fits = found["stream"].is_not_null() | of_lambda, found["text"].is_not_null()
    enough = marked.any() and int(marked.sum()) >= _LEAST * int(fits.sum())
    return fits & enough


def _split(lines: pl.DataFrame) -> pl.DataFrame:
    """``time``, ``stream`` if one is named, and ``text``."""
    found = groups(lines, _LINE)
    found = found.hstack(groups(found.select(raw=pl.col("text").fill_null("")), _FIRST))
    named = pl.col("word").str.contains(_STREAM)
    text = pl.when(named).then("others").otherwise("text").fill_null("")
    return found.select(
        "time",
        stream=pl.coalesce("front", pl.when(named).then("word")),
        text=pl.when(pl.col("time").is_not_null()).then(text),
    )
