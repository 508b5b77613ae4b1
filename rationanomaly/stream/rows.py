"""What the engine gives out as JSON Lines; ``kind`` says of each row what it is."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

import polars as pl

from rationanomaly.stream.taken import Correction, Settled, Taken

#: What a line says of its text, which many lines share.
_OF_TEXT = ("message", "template", "template_id", "answer")
_NEEDS_ESCAPE = r'["\\\x00-\x1f\x7f]'


def taken_rows(taken: Taken) -> bytes:
    """The rows of what was taken: ``line``, ``rejected``, ``session``, ``alert``, ``incident``."""
    return b"".join((_line_rows(taken.lines), _rejected_rows(taken.rejected_lines), _dumped(_other_rows(taken))))


def settled_rows(settled: Settled) -> bytes:
    """The rows of verdicts that came since: ``correction``, ``alert``, ``incident``."""
    return _dumped(
        [
            *({"kind": "correction", **correction_row(one)} for one in settled.corrections),
            *_alert_rows(settled),
        ]
    )


def correction_row(correction: Correction) -> dict[str, Any]:
    """One JSON object: a verdict, with the lines that were given out before it came."""
    own = {"template_id": correction.template_id, "count": correction.count, "final": correction.final}
    lines = [{"source": line.source, "line": line.line} for line in correction.lines]
    return {**own, **correction.verdict.as_row(), "lines": lines}


def _line_rows(lines: pl.DataFrame) -> bytes:
    if not lines.height:
        return b""
    # The fewer pieces, the faster: what is constant goes with what is not.
    parts = [
        _each(lines["source"], '{"kind":"line","source":', ',"line":'),
        lines["line"].cast(pl.String),
        lines["time"].dt.strftime(',"time":"%Y-%m-%dT%H:%M:%S%.6fZ"').fill_null(',"time":null'),
        _each(lines["node"], ',"node":'),
        _each(lines["level"], ',"level":'),
        _texts(lines),
        _sessions(lines["sessions"]),
    ]
    return _as_lines(pl.select(pl.concat_str([pl.lit(part) for part in parts])))


def _texts(lines: pl.DataFrame) -> pl.Series:
    """What the rows say of their texts; lines of one text share it, as most lines do."""
    columns = lines.select(*_OF_TEXT, "score")
    values = columns["message"].unique(maintain_order=True)
    places = columns["message"].cast(pl.Enum(values)).to_physical()
    texts = columns[columns["message"].arg_unique().sort()] if values.len() < lines.height else columns
    if (texts["template_id"].gather(places) != columns["template_id"]).any():
        # Programs may name other templates for the same text.
        texts, places = columns, pl.int_range(lines.height, eager=True)
    parts: list[pl.Expr] = []
    for name in _OF_TEXT:
        parts += [pl.lit(f',"{name}":'), pl.col(name).map_batches(_quote, return_dtype=pl.String)]
    parts += [pl.lit(',"score":'), pl.col("score").round(6).cast(pl.String).fill_null("null")]
    return texts.select(pl.concat_str(parts)).to_series().gather(places)


def _rejected_rows(lines: pl.DataFrame) -> bytes:
    if not lines.height:
        return b""
    buffer = io.BytesIO()
    lines.select(kind=pl.lit("rejected"), source="source", line="line", text="raw").write_ndjson(buffer)
    return buffer.getvalue()


def _other_rows(taken: Taken) -> Iterator[dict[str, Any]]:
    for session in taken.sessions:
        yield {"kind": "session", **vars(session), "score": round(float(session.score), 6)}
    yield from _alert_rows(taken)


def _alert_rows(found: Taken | Settled) -> Iterator[dict[str, Any]]:
    # An alert has a kind of its own.
    for alert in found.alerts:
        yield {"kind": "alert", "alert": alert.as_row()}
    for incident in found.incidents:
        yield {"kind": "incident", "incident": incident.as_row()}


def _dumped(rows: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(f"{json.dumps(row, default=_plain)}\n".encode() for row in rows)


def _plain(value: Any) -> Any:
    """A value that JSON does not know: of NumPy, or a data class."""
    return value.item() if hasattr(value, "item") else asdict(value)


def _as_lines(rows: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    rows.write_csv(buffer, include_header=False, quote_style="never")
    return buffer.getvalue()


def _quote(texts: pl.Series) -> pl.Series:
    """Texts as JSON; to look is several times faster than to write them all out."""
    quoted = '"' + texts + '"'
    odd = texts.str.contains(_NEEDS_ESCAPE).fill_null(False).arg_true()
    if odd.len():
        quoted = quoted.scatter(odd, [json.dumps(text, ensure_ascii=False) for text in texts.gather(odd)])
    return quoted.fill_null("null") if texts.null_count() else quoted


def _each(texts: pl.Series, before: str, behind: str = "") -> pl.Series:
    """Texts as JSON between others; those of few values are worked out once for each."""
    values = texts.unique()
    if values.len() > texts.len() // 4:
        return before + _quote(texts) + behind
    quoted = before + _quote(values) + behind
    return texts.replace_strict(values, quoted, return_dtype=pl.String)


def _sessions(lists: pl.Series) -> pl.Series:
    before, behind = ',"sessions":[', "]}"
    lengths = lists.list.len()
    if lengths.min() == lengths.max() == 1 and not lists.null_count():
        return _each(lists.explode(), before, behind)
    joined = lists.list.eval(pl.element().map_batches(_quote, return_dtype=pl.String)).list.join(",")
    return (before + joined + behind).fill_null(',"sessions":null}')
