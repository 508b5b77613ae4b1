"""Logs of containers: Docker's JSON files, and the CRI form of containerd and CRI-O. Both cut long lines in pieces."""

from __future__ import annotations

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.fields import groups, iso_time

_CRI = r"^(?<time>[0-9]{4}-[0-9T:.Z+-]{16,40}) (?:stdout|stderr) (?<tag>[FP])(?::[^ ]*)? (?<message>.*)$"


def formats(_settings: ParseParams | None) -> list[Format]:
    """Docker and CRI."""
    return [
        Format("docker", "JSON files of Docker", parse_docker),
        Format("cri", "containerd, CRI-O", parse_cri),
    ]


def parse_docker(lines: pl.DataFrame) -> pl.DataFrame:
    """``{"log":"message\\n","stream":"stdout","time":"…"}``; a piece has no line break at its end."""
    raw = pl.col("raw")
    found = lines.select(log=raw.str.json_path_match("$.log"), time=raw.str.json_path_match("$.time"))
    return found.select(
        time=iso_time(pl.col("time")),
        message=pl.when(pl.col("time").is_not_null()).then(pl.col("log").str.strip_chars_end("\r\n")),
        continues=~pl.col("log").str.ends_with("\n"),
    )


def parse_cri(lines: pl.DataFrame) -> pl.DataFrame:
    """``TIME stdout F message``; ``P`` marks a piece."""
    return groups(lines, _CRI).select("message", time=iso_time(pl.col("time")), continues=pl.col("tag") == "P")
