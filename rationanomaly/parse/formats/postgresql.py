"""PostgreSQL's log as CSV (``log_destination = 'csvlog'``)."""

from __future__ import annotations

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.fields import groups, iso_time

#: A field, perhaps in quotes; those inside are doubled, so that it is one quoted text behind the other.
_FIELD = r'(?:"[^"]*")*[^",]*'
#: One whose record is cut off lacks its second quote.
_TEXT = r'(?:"[^"]*(?:"|$))*'
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)? [A-Za-z0-9_+:/-]+"
_LINE = (
    rf"^(?<time>{_TIME}),"
    rf'{_FIELD},{_FIELD},(?<thread>[0-9]*),(?<node>(?:"[^"]*")?),[0-9a-f.]*,[0-9]*,{_FIELD},[^",]*,[^",]*,[0-9]*,'
    rf"(?<level>[A-Z]+)[0-9]?,[0-9A-Z]*,(?<fields>(?s:.*))$"
)
_REST = rf"^(?<message>{_TEXT})(?:,(?<detail>{_TEXT}))?"


def formats(_settings: ParseParams | None) -> list[Format]:
    """The CSV log; the text logs are `application`, the JSON log is `json`."""
    summary = "PostgreSQL's CSV log"
    return [Format("postgresql-csv", summary, parse, is_dated=False, begins=f"^{_TIME},", pairs='"')]


def parse(lines: pl.DataFrame) -> pl.DataFrame:
    """The node is the client without its port, the thread the process, the level the severity, such as ``LOG``.

    A detail follows the message as ``… DETAIL: …``; hint, context and query are left out. A zone that is not known is
    taken for UTC.
    """
    written = pl.col("time").str.replace(r" (?:UTC|GMT)$", "Z")
    detail = pl.lit(" DETAIL: ") + _plain(pl.col("detail")).replace("", None)
    found = groups(lines, _LINE)
    return found.hstack(groups(found.select(raw="fields"), _REST)).select(
        "level",
        time=pl.coalesce(iso_time(written), iso_time(written.str.replace(r" [^ ]+$", ""))),
        node=_plain(pl.col("node")).str.replace(r":[0-9]+$", "").replace("", None),
        thread=pl.col("thread").replace("", None),
        message=pl.when(written.is_not_null()).then(
            pl.concat_str(_plain(pl.col("message")), detail, ignore_nulls=True)
        ),
    )


def _plain(fields: pl.Expr) -> pl.Expr:
    """The text of quoted fields, in one line."""
    text = fields.str.strip_prefix('"').str.strip_suffix('"').str.replace_all('""', '"', literal=True)
    return text.str.replace_all(r"\s*\n\s*", " ").str.strip_chars_end()
