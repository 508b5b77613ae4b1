"""The time at the beginning of a line of an application log, in any of the usual notations."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import polars as pl

from rationanomaly.parse.formats.fields import ZONES, iso_time
from rationanomaly.parse.formats.first_match import first_match
from rationanomaly.parse.formats.levels import LOG4J, any_of

_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?"
_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
#: Names of zones that stand for several are taken for UTC.
_NAMES = (*ZONES, "IST", "CDT", "SGT", "HKT", "BRT", "ART", "SAST", "AEDT", "ACST", "AWST", "NZST", "NZDT")
_ZONE = rf"(?:Z| ?[+-][0-9]{{2}}:?[0-9]{{2}}|[+-][0-9]{{2}}| (?:{'|'.join(_NAMES)})(?-u:\b))"


class _Notation(NamedTuple):
    """How a time is written.

    Attributes:
        pattern: of the whole line, with some of the groups `_GROUPS`.
        read: from texts of that pattern and their zones (null for none) to times in UTC.
    """

    pattern: str
    read: Callable[[pl.Expr, pl.Expr], pl.Expr]


def split_time(texts: pl.Series) -> pl.DataFrame:
    """The time with which each text begins, and the rest.

    A bracket that opens before the time and closes later, as in ``[2024-05-01 10:00:00 INFO] text``, opens the rest.

    Returns:
        One row per text: ``time`` (null for a time of day without a date), ``is_dated`` (whether it has a date), and
        ``tail`` (null in a text that begins with no time).
    """
    patterns = [notation.pattern for notation in _NOTATIONS]
    found = first_match(texts, (patterns[:_QUICK], patterns[_QUICK:]), _GROUPS)
    places = found["pattern"].unique().drop_nulls().to_list()
    time = pl.lit(None, pl.Datetime("us", "UTC"))
    for place in places:
        read = _NOTATIONS[place].read(pl.col("time"), pl.col("zone"))
        time = read if len(places) == 1 else pl.when(pl.col("pattern") == place).then(read).otherwise(time)
    is_open = (pl.col("open") != "") & (pl.col("close") == "")
    tail = pl.col("tail")
    if (found["open"] != "").any():
        tail = pl.when(is_open).then(pl.concat_str("open", "tail")).otherwise("tail")
    is_dated = pl.col("pattern") < len(_NOTATIONS) - 1
    return found.select(time=time, is_dated=is_dated, tail=tail)


def _line(time: str) -> str:
    """A line that begins with a time; Redis writes its process and role before it."""
    tail = "(?:[^0-9A-Za-z:].*|:(?:[^0-9].*)?)?"
    return rf"^(?:[0-9]+:[XCSM] )?(?<open>[\[(]?)(?<time>{time})(?<zone>{_ZONE})?(?<close>[\])]?)(?<tail>{tail})$"


def _iso(text: pl.Expr, zone: pl.Expr) -> pl.Expr:
    return iso_time(pl.when(zone.is_null()).then(text).otherwise(pl.concat_str(text, _offset(zone))))


def _slashes(text: pl.Expr, zone: pl.Expr) -> pl.Expr:
    """``24/05/01``, ``2024/05/01`` and ``2024-05-01 10:00:00:123``."""
    full = text.str.replace(r"^([0-9]{2}/[0-9]{2}/[0-9]{2} )", "20${1}").str.replace_all("/", "-", literal=True)
    return _iso(full.str.replace(r"^(.{19}):", "${1}."), zone)


def _written(form: str, change: Callable[[pl.Expr], pl.Expr] = lambda text: text) -> Callable[..., pl.Expr]:
    """A reader of times in a form of strptime."""

    def read(text: pl.Expr, zone: pl.Expr) -> pl.Expr:
        dotted = change(text).str.replace(r"(:[0-9]{2}),", "${1}.")
        whole = pl.concat_str(dotted, pl.lit(" "), _offset(zone))
        return whole.str.to_datetime(f"{form} %:z", time_unit="us", strict=False).dt.convert_time_zone("UTC")

    return read


def _offset(zone: pl.Expr) -> pl.Expr:
    """Zones such as `` CET``, ``Z``, ``+02`` and `` +0200`` as ``+02:00``; none, and what is not known, is UTC."""
    offset = zone.str.strip_chars_start().replace(ZONES).str.replace(":", "", literal=True).str.pad_end(5, "0")
    digits = offset.str.extract(r"^([+-][0-9]{4})$").fill_null("+0000")
    return digits.str.slice(0, 3) + pl.lit(":") + digits.str.slice(3)


def _one_separator(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all(r"[/ -]+", " ").str.replace(r"([0-9]{4}):", "${1} ")


def _no_date(text: pl.Expr, _zone: pl.Expr) -> pl.Expr:
    return pl.when(text.is_null()).then(pl.lit(None, pl.Datetime("us", "UTC")))


_GROUPS = ("open", "time", "zone", "close", "tail")
_ISO = rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_CLOCK}"
_OFFSET = r"(?<zone>Z|[+-][0-9]{2}:?[0-9]{2})?"
#: In the order in which they are tried; the last has no date. The first two are quick forms of the third: each
#: character of a line can be only one thing in them.
_QUICK = 2
_NOTATIONS = (
    _Notation(rf"^(?<time>{_ISO}){_OFFSET}(?<tail>[ \t]+(?:[^A-Z+ \t-]|-[ \t]|{any_of(LOG4J)}).*)$", _iso),
    _Notation(rf"^(?<open>\[)(?<time>{_ISO}){_OFFSET}(?<close>\])(?<tail>(?:[^0-9A-Za-z].*)?)$", _iso),
    _Notation(
        _line(rf"[0-9]{{4}}[/-][0-9]{{2}}[/-][0-9]{{2}}[T ]{_CLOCK} [AP]M"),
        _written("%Y %m %d %I:%M:%S%.f %p", lambda text: text.str.replace_all("[/T-]", " ")),
    ),
    _Notation(_line(_ISO), _iso),
    _Notation(_line(rf"(?:[0-9]{{2}})?[0-9]{{2}}/[0-9]{{2}}/[0-9]{{2}} {_CLOCK}"), _slashes),
    _Notation(_line(r"[0-9]{4}[/-][0-9]{2}[/-][0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}:[0-9]{3}"), _slashes),
    _Notation(_line(rf"[0-9]{{6}} {_CLOCK}"), _written("%y%m%d %H:%M:%S%.f")),
    # 01/May/2024:10:00:00, 01-May-2024 10:00:00, 01 May 2024 10:00:00
    _Notation(
        _line(rf"[0-9]{{1,2}}[/ -]{_MONTH}[/ -][0-9]{{4}}[: ]{_CLOCK}"),
        _written("%d %b %Y %H:%M:%S%.f", _one_separator),
    ),
    _Notation(
        _line(rf"{_MONTH} +[0-9]{{1,2}},? [0-9]{{4}},? [0-9]{{1,2}}:[0-9]{{2}}:[0-9]{{2}} [AP]M"),
        _written("%b %d %Y %I:%M:%S %p", lambda text: text.str.replace_all(r"[, ]+", " ")),
    ),
    _Notation(
        _line(r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4},? [0-9]{1,2}:[0-9]{2}:[0-9]{2} [AP]M"),
        _written("%m/%d/%Y %I:%M:%S %p", lambda text: text.str.replace(",", "", literal=True)),
    ),
    _Notation(_line(rf"[0-9]{{2}}\.[0-9]{{2}}\.[0-9]{{4}} {_CLOCK}"), _written("%d.%m.%Y %H:%M:%S%.f")),
    _Notation(_line(rf"{_CLOCK}|[0-9]{{1,2}}:[0-9]{{2}}[AP]M"), _no_date),
)
