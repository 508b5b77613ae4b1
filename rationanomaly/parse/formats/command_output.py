"""What commands print of the logs of containers: ``docker compose logs``, ``kubectl logs --prefix --timestamps``."""

from __future__ import annotations

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.fields import groups, iso_time

#: Both write nanoseconds; Docker leaves the zeros at their end.
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{7,9}(?:Z|[+-][0-9]{2}:[0-9]{2})"
_COMPOSE = rf"^(?<stream>[A-Za-z0-9][A-Za-z0-9_.-]*) +\|(?: (?<time>{_TIME}))?(?: (?<message>.*))?$"
#: The name of a container ends in its number.
_NUMBERED = rf"^[A-Za-z0-9][A-Za-z0-9_.-]*[_-][0-9]+ +\|(?: |$)|^[A-Za-z0-9][A-Za-z0-9_.-]* +\| {_TIME}"
_KUBECTL = rf"^(?:\[pod/(?<pod>[^/\] ]+)/(?<container>[^\] ]+)\] )?(?:(?<time>{_TIME})(?: |$))?(?<message>.*)$"
#: Where no name tells the streams apart, all lines are of one.
_ONE = "-"


def formats(_settings: ParseParams | None) -> list[Format]:
    """The messages have formats of their own, which are looked for."""
    return [
        Format("compose", "what `docker compose logs` prints", parse_compose, is_dated=False, marks=_are_numbered),
        Format("kubectl", "what `kubectl logs` prints with --prefix or --timestamps", parse_kubectl, is_dated=False),
    ]


def parse_compose(lines: pl.DataFrame) -> pl.DataFrame:
    """``web-1  | message``, perhaps with a time before the message; the node is the container."""
    found = groups(lines, _COMPOSE)
    return found.select(
        "stream",
        time=iso_time(pl.col("time")),
        node="stream",
        message=pl.when(pl.col("stream").is_not_null()).then(pl.col("message").fill_null("")),
    )


def parse_kubectl(lines: pl.DataFrame) -> pl.DataFrame:
    """``[pod/NAME/CONTAINER] TIME message``; one of the two may be missing. The node is the pod."""
    found = groups(lines, _KUBECTL)
    stream = pl.col("pod") + "/" + pl.col("container")
    fits = pl.col("pod").is_not_null() | pl.col("time").is_not_null()
    return found.select(
        time=iso_time(pl.col("time")),
        node="pod",
        stream=pl.when(fits).then(stream.fill_null(_ONE)),
        message=pl.when(fits).then("message"),
    )


def _are_numbered(lines: pl.DataFrame) -> pl.Series:
    return lines["raw"].str.contains(_NUMBERED)
