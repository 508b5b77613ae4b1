"""Journals of systemd: ``journalctl -o json``, behind their marks ``json-sse`` and ``json-seq``, and ``-o export``.

The export format is binary; `journal_export` makes JSON of it before there are lines.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.fields import epoch_micros
from rationanomaly.parse.formats.json_objects import one_line, read_names
from rationanomaly.parse.formats.levels import syslog_level

_TIMES = ("__REALTIME_TIMESTAMP", "_SOURCE_REALTIME_TIMESTAMP")
_LOGGERS = ("SYSLOG_IDENTIFIER", "_COMM", "_SYSTEMD_UNIT")
_THREADS = ("_PID", "SYSLOG_PID")
_NODES = ("_HOSTNAME", "_MACHINE_ID")
#: Fields of an entry that are read.
NAMES = ("MESSAGE", "PRIORITY", *_TIMES, *_LOGGERS, *_THREADS, *_NODES)
#: A field of bytes, which the journal writes where a text would not be printable.
_BYTES = r"^\[ ?[0-9]{1,3}(?: ?, ?[0-9]{1,3})* ?\]$"
_SEVERAL = r'(?s)^\["((?:[^"\\]|\\.)*)"'
_LINE_FEED, _BLANK = 10, 32


def formats(_settings: ParseParams | None) -> list[Format]:
    """The journal, an entry a line; no other text belongs to an entry."""
    return [
        Format("journald", "journal of systemd, as `journalctl -o json` or `-o export` writes it", parse, strays="^")
    ]


def parse(lines: pl.DataFrame) -> pl.DataFrame:
    """An entry whose message is null, because it is longer than what the journal shows, does not fit."""
    raw = lines["raw"].str.strip_prefix("data: ")
    found = read_names(raw, NAMES)
    found = found.with_columns(_as_text(column, raw) for column in found)
    time = pl.coalesce(epoch_micros(pl.col(name)) for name in _TIMES)
    return found.select(
        time=time,
        node=pl.coalesce(_NODES),
        level=syslog_level(pl.col("PRIORITY")),
        logger=pl.coalesce(_LOGGERS),
        thread=pl.coalesce(_THREADS),
        message=pl.when(time.is_not_null()).then(pl.col("MESSAGE").map_batches(one_line, pl.String)),
    )


def _as_text(values: pl.Series, raw: pl.Series) -> pl.Series:
    """Values of one field, with bytes decoded, and the first of several."""
    places = values.str.starts_with("[").fill_null(False).arg_true()
    if not places.len():
        return values
    # A text may look like an array, too.
    places = places.filter(raw.gather(places).str.contains(rf'"{values.name}"\s*:\s*\['))
    some = values.gather(places)
    some = pl.select(pl.coalesce(some.str.extract(_SEVERAL), some)).to_series()
    coded = some.str.contains(_BYTES).arg_true()
    if coded.len():
        some = some.scatter(coded, _decoded(some.gather(coded)))
    return values.clone().scatter(places, some) if places.len() else values


def _decoded(values: pl.Series) -> pl.Series:
    """``[104, 105]`` as UTF-8; what is none becomes U+FFFD, and line breaks become blanks."""
    codes = values.str.extract_all("[0-9]+").list.eval(pl.element().cast(pl.UInt16))
    ends = codes.list.len().cast(pl.Int64).cum_sum().to_numpy()
    flat = codes.explode().to_numpy()
    # 0 to 255 by the pattern but for 256 to 999, which are no bytes.
    flat = np.where(flat > 255, ord("?"), flat).astype(np.uint8)
    flat = np.where(flat == _LINE_FEED, _BLANK, flat)
    # A line feed ends each text: it is part of no character, so that one that is cut off takes nothing of the next.
    texts = np.insert(flat, ends, np.uint8(_LINE_FEED)).tobytes().decode(errors="replace").split("\n")
    return pl.Series(texts[:-1], dtype=pl.String).str.strip_chars_end("\r ")
