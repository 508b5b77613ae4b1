"""Logs of containers: Docker's JSON files, and the CRI form of containerd and CRI-O. Both cut long lines in pieces."""

from __future__ import annotations

from functools import partial

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.fields import groups, iso_time
from rationanomaly.parse.formats.json_objects import one_line, read_names

_CRI = (
    r"^(?<time>[0-9]{4}-[0-9T:.Z+-]{16,40}) (?<stream>stdout|stderr) (?<tag>[FP])(?::[^ ]*)?"
    r"(?: (?<message>.*))?$"
)
#: What a collector adds to Docker's own fields; the two tags are CRI's, in the names of Fluentd and Fluent Bit.
_NODES, _TAGS, _ADDED = ("kubernetes.host", "kubernetes.node.name"), ("logtag", "_p"), ("kubernetes", "docker")


def formats(_settings: ParseParams | None) -> list[Format]:
    """Docker and CRI."""
    return [
        Format("docker", "JSON files of Docker", parse_docker, marks=_are_dockers, strays=r"^\{"),
        Format("cri", "containerd, CRI-O", parse_cri),
    ]


def parse_docker(lines: pl.DataFrame) -> pl.DataFrame:
    """``{"log":"message\\n","stream":"stdout","time":"…"}``; a piece has no line break at its end.

    A collector may have added the pod, whose host is the node; it says itself what is a piece, or puts pieces together.
    """
    found = read_names(lines["raw"], ["log", "stream", "time", *_NODES, *_TAGS, *_ADDED])
    found = found.with_columns(time=iso_time(pl.col("time")))
    tag, log = pl.coalesce(_TAGS), pl.col("log")
    collected = pl.any_horizontal(pl.col(_ADDED).is_not_null())
    return found.select(
        "time",
        node=pl.coalesce(_NODES),
        stream=_stream(),
        message=pl.when(pl.col("time").is_not_null()).then(
            log.str.strip_chars_end("\r\n").map_batches(partial(one_line, keep_tabs=True), pl.String)
        ),
        continues=pl.when(tag.is_not_null())
        .then(tag == "P")
        .otherwise(~collected & _stream().is_not_null() & ~log.str.ends_with("\n")),
    )


def parse_cri(lines: pl.DataFrame) -> pl.DataFrame:
    """``TIME stdout F message``; ``P`` marks a piece."""
    found = groups(lines, _CRI)
    return found.select(
        "stream",
        time=iso_time(pl.col("time")),
        message=pl.when(pl.col("tag").is_not_null()).then(pl.col("message").fill_null("")),
        continues=pl.col("tag") == "P",
    )


def _are_dockers(lines: pl.DataFrame) -> pl.Series:
    """A log of an application may have fields ``log`` and ``time`` as well, but names no stream."""
    found = parse_docker(lines)
    return found["message"].is_not_null() & found["stream"].is_not_null()


def _stream() -> pl.Expr:
    return pl.when(pl.col("stream").is_in(["stdout", "stderr"])).then("stream")
