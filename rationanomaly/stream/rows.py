"""What the engine gives out as JSON Lines; ``kind`` says of each row what it is."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from functools import cache
from typing import Any

import polars as pl

from rationanomaly.detection.session_verdicts import SessionVerdict
from rationanomaly.stream.judging import Texts
from rationanomaly.stream.taken import Correction, Settled, Taken

#: What a line says of its text, which many lines share.
_OF_TEXT = ("message", "template", "template_id", "answer")
#: Lines whose rows are written out at once: so many stay where the processor reaches them fast.
_BLOCK = 8192
#: Of them in one step of the writer.
_CSV_BATCH = 4096
_NEEDS_ESCAPE = r'["\\\x00-\x1f\x7f]'


def taken_rows(taken: Taken) -> bytes:
    """The rows of what was taken: ``line``, ``rejected``, ``session``, ``alert``, ``incident``."""
    return b"".join(taken_blocks(taken))


def taken_blocks(taken: Taken) -> Iterator[memoryview | bytes]:
    """The same in pieces, so that many rows never lie in memory twice."""
    yield from _line_rows(taken.lines, taken.texts or _texts_of(taken.lines))
    yield _rejected_rows(taken.rejected_lines)
    yield _dumped(_session_rows(taken.sessions))
    yield _dumped(_alert_rows(taken))


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


def _line_rows(lines: pl.DataFrame, shared: Texts) -> Iterator[memoryview]:
    if not lines.height:
        return
    # The comma between two members is written with them: to put the members together first would be a copy more.
    members = pl.DataFrame(
        [
            _each(lines["source"], '{"kind":"line","source":').alias("source"),
            _places_in_time(lines),
            _each(lines["node"], '"node":').alias("node"),
            _each(lines["level"], '"level":').alias("level"),
            _text_rows(shared.rows).gather(shared.places),
            _sessions(lines["sessions"]).alias("sessions"),
        ]
    )
    for block in members.iter_slices(_BLOCK):
        buffer = io.BytesIO()
        block.write_csv(buffer, include_header=False, quote_style="never", batch_size=_CSV_BATCH)
        yield buffer.getbuffer()


def _texts_of(lines: pl.DataFrame) -> Texts:
    """The texts of lines of which it is not known which ones share theirs."""
    return Texts(lines.select(*_OF_TEXT, "score"), pl.int_range(lines.height, eager=True))


def _text_rows(texts: pl.DataFrame) -> pl.Series:
    """What rows say of their texts, which many lines share."""
    parts: list[pl.Expr] = []
    for name in _OF_TEXT:
        parts += [
            pl.lit(f'{"," if parts else ""}"{name}":'),
            pl.col(name).map_batches(_quote, return_dtype=pl.String),
        ]
    parts += [pl.lit(',"score":'), pl.col("score").round(6).cast(pl.String).fill_null("null")]
    return texts.select(texts=pl.concat_str(parts)).to_series()


def _places_in_time(lines: pl.DataFrame) -> pl.Series:
    """The members ``line`` and ``time``; the seconds are few, and to write them out is what costs most."""
    micros = lines["time"].to_physical()
    seconds = micros // 1_000_000
    of_second = seconds.rle_id()
    firsts = lines["time"].gather(of_second.arg_unique().sort())
    written = firsts.dt.strftime(',"time":"%Y-%m-%dT%H:%M:%S.')
    time = pl.concat_str(
        pl.lit(written.gather(of_second)), pl.lit(_six_digits().gather(micros - seconds * 1_000_000)), pl.lit('Z"')
    )
    number = pl.concat_str(pl.lit('"line":'), pl.lit(lines["line"]))
    if lines["time"].null_count():
        time = time.fill_null(',"time":null')
    return pl.select(line=pl.concat_str(number, time)).to_series()


def _rejected_rows(lines: pl.DataFrame) -> bytes:
    if not lines.height:
        return b""
    buffer = io.BytesIO()
    lines.select(kind=pl.lit("rejected"), source="source", line="line", text="raw").write_ndjson(buffer)
    return buffer.getvalue()


def _session_rows(sessions: Iterable[SessionVerdict]) -> Iterator[dict[str, Any]]:
    for session in sessions:
        yield {"kind": "session", **vars(session), "score": round(float(session.score), 6)}


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


def _quote(texts: pl.Series) -> pl.Series:
    """Texts as JSON; to look is several times faster than to write them all out."""
    quoted = '"' + texts + '"'
    odd = texts.str.contains(_NEEDS_ESCAPE).fill_null(False).arg_true()
    if odd.len():
        quoted = quoted.scatter(odd, [json.dumps(text, ensure_ascii=False) for text in texts.gather(odd)])
    return quoted.fill_null("null") if texts.null_count() else quoted


def _each(texts: pl.Series, before: str, behind: str = "") -> pl.Series:
    """Texts as JSON between others; those of few values are worked out once for each."""
    values = texts.unique(maintain_order=True)
    if values.len() == 1:
        return pl.repeat(f"{before}{_quote(values)[0]}{behind}", texts.len(), dtype=pl.String, eager=True)
    if values.len() > texts.len() // 4:
        return before + _quote(texts) + behind
    quoted = before + _quote(values) + behind
    return texts.replace_strict(values, quoted, return_dtype=pl.String)


def _sessions(lists: pl.Series) -> pl.Series:
    before, behind = '"sessions":[', "]}"
    lengths = lists.list.len()
    if lengths.min() == lengths.max() == 1 and not lists.null_count():
        return _each(lists.explode(), before, behind)
    joined = lists.list.eval(pl.element().map_batches(_quote, return_dtype=pl.String)).list.join(",")
    return (before + joined + behind).fill_null('"sessions":null}')


@cache
def _six_digits() -> pl.Series:
    """All numbers of six digits as text, made when they are first needed."""
    return pl.int_range(1_000_000, eager=True).cast(pl.String).str.zfill(6)
