"""Logs of Windows: those of its servicing (CBS, DISM, setup), and events of its event log as XML."""

from __future__ import annotations

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.fields import groups, iso_time
from rationanomaly.parse.formats.levels import SERVICING, any_of, servicing_level, windows_level

_SERVICING = (
    rf"^(?<time>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}} [0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}), (?<level>{any_of(SERVICING)})"
    # The columns have fixed widths: so many blanks stand for a component that is not named.
    r"(?: {20,}|(?: {1,19}\[0x[0-9A-Fa-f]+\]| {3,18}) +(?<logger>[A-Za-z][A-Za-z0-9_.-]*)(?: +|$))(?<message>.*)$"
)

_EVENT = r"""^\s*(?:<\?xml[^>]*>)?\s*<Event xmlns=['"]http://schemas\.microsoft\.com/win/2004/08/events/event['"]"""
#: Quotes may be of either kind. Text between tags holds no ``<`` of its own.
_VALUE = r"""('[^'<]*'|"[^"<]*")"""
_ENTITIES = {
    **{"&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&amp;": "&"},
    **dict.fromkeys(("&#9;", "&#10;", "&#13;", "&#x9;", "&#xA;", "&#xD;", "&#xa;", "&#xd;"), " "),
}


def formats(_settings: ParseParams | None) -> list[Format]:
    """Servicing logs, and events as `wevtutil`, forwarders and the event viewer write them, a line or more each."""
    return [
        Format("windows-servicing", "Windows CBS.log, dism.log, setupact.log", parse_servicing),
        Format(
            "windows-event",
            "Windows events as XML",
            parse_event,
            is_dated=False,
            begins=_EVENT,
            pairs="</?Event[ >]",
            headers=r"^\s*(?:<\?xml[^<>]*>)?\s*(?:</?Events>)?\s*$",
            marks=marks_event,
        ),
    ]


def parse_servicing(lines: pl.DataFrame) -> pl.DataFrame:
    """``TIME, LEVEL  COMPONENT  MESSAGE``; the time is taken for UTC. Numbers of CSI's lines stay in the message."""
    return groups(lines, _SERVICING).select(
        "logger",
        time=iso_time(pl.col("time")),
        level=servicing_level(pl.col("level")),
        message=pl.col("message").str.strip_chars_end(),
    )


def parse_event(lines: pl.DataFrame) -> pl.DataFrame:
    """The node is the computer, the logger the provider, the thread ``PROCESS-THREAD``.

    The message is the rendered one. Where there is none: ``EventID N`` and the event's data as ``name=text``. Nothing
    but regular expressions of linear time reads the XML: entities and nesting of hostile text do no harm.
    """
    raw = pl.col("raw")
    time = _attribute(raw, "<TimeCreated SystemTime=")
    process, thread = _attribute(raw, "<Execution ProcessID="), _attribute(raw, "<Execution [^<>]*?ThreadID=")
    found = lines.select(
        "raw",
        time=iso_time(time),
        node=_text(raw.str.extract(r"<Computer>([^<]*)")).replace("", None),
        level=windows_level(raw.str.extract(r"<Level>\s*([0-9]+)")),
        logger=_text(_attribute(raw, "<Provider Name=")),
        thread=process + "-" + thread,
        message=_text(raw.str.extract(r"<RenderingInfo[^<>]*>(?s:.*?)<Message>([^<]*)")).replace("", None),
        fits=raw.str.contains(_EVENT) & time.is_not_null(),
    )
    # Most logs have a message in each event or in none.
    left = found["message"].is_null() & found["fits"]
    described = found.filter(left).select(_description(raw)).to_series()
    message = found["message"].scatter(left.arg_true(), described)
    return found.with_columns(message=message).with_columns(message=pl.when("fits").then("message"))


def marks_event(lines: pl.DataFrame) -> pl.Series:
    """Events with the name space of the event log."""
    return lines["raw"].str.contains(_EVENT)


def _attribute(raw: pl.Expr, start: str) -> pl.Expr:
    return raw.str.extract(start + _VALUE).str.strip_chars("'\"")


def _text(texts: pl.Expr) -> pl.Expr:
    """Entities put right, all at once so that ``&amp;lt;`` becomes ``&lt;``; line breaks made blanks."""
    plain = texts.str.replace_many(list(_ENTITIES), list(_ENTITIES.values()))
    return plain.str.replace_all(r"\s+", " ").str.strip_chars()


def _description(raw: pl.Expr) -> pl.Expr:
    """``EventID N`` and ``name=text`` of each datum."""
    number = pl.lit("EventID ") + raw.str.extract(r"<EventID[^<>]*>\s*([0-9]+)")
    behind = raw.str.split_exact("</System>", 1).struct.field("field_1")
    data = behind.str.split_exact("<RenderingInfo", 1).struct.field("field_0")
    named = data.str.replace_all(r"""<Data Name=['"]([^<>]*?)['"]\s*/?>""", " ${1}=")
    bare = named.str.replace_all(r"</?(?:EventData|UserData|Data)>|<Binary>[^<]*", " ")
    elements = bare.str.replace_all(r"<([A-Za-z][A-Za-z0-9_.-]*)>([^<]+)", " ${1}=${2}")
    text = _text(elements.str.replace_all(r"<[^<>]*>?", " "))
    return pl.concat_str(number.fill_null("EventID"), text.replace("", None), separator=" ", ignore_nulls=True)
