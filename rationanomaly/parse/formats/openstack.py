"""Logs of OpenStack's services, written by oslo.log: Nova, Neutron, Cinder, Keystone and the others."""

from __future__ import annotations

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.fields import groups, iso_time
from rationanomaly.parse.formats.levels import OSLO, any_of

_LINE = (
    # LogHub puts the name of the file in front.
    r"^(?:[^ ]+\.log[^ ]* +)?(?<time>[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}[.,][0-9]{3,6}) +"
    rf"(?<thread>[0-9]+) +(?<level>{any_of(OSLO)}) +"
    r"(?<logger>[A-Za-z_][A-Za-z0-9_.-]*)"
    r"(?: +(?<request>\[(?:-|(?:None |- +)?req-[^\]]*)\]))?(?: +(?<message>.*))?$"
)


def formats(_settings: ParseParams | None) -> list[Format]:
    """OpenStack."""
    return [Format("openstack", "services of OpenStack", parse, marks=marks)]


def parse(lines: pl.DataFrame) -> pl.DataFrame:
    """The request, ``[req-… user project]`` or ``[-]``, is left out; ``[instance: …]`` belongs to the message.

    The time is taken for UTC. Each line of a traceback has a head of its own, without a request: it is a record.
    """
    return groups(lines, _LINE).select(
        "thread",
        "level",
        "logger",
        time=iso_time(pl.col("time")),
        message=pl.when(pl.col("time").is_not_null()).then(pl.col("message").fill_null("").str.strip_chars_end()),
    )


def marks(lines: pl.DataFrame) -> pl.Series:
    """Lines that fit, if there are some among them with a request: other logs of Python have none."""
    found = groups(lines, _LINE)
    return found["time"].is_not_null() & found["request"].is_not_null().any()
