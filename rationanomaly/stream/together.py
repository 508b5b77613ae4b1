"""Chunks of many streams at once: what is read costs by the call more than by the line.

A chunk may be read with those of other streams if it is whole, its reader keeps nothing back, and each of its lines is
a record of its own. All others go through their own reader. What comes out is the same either way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from rationanomaly.parse.lines import Counts, split_lines
from rationanomaly.parse.record_reader import AUTO
from rationanomaly.sources.chunk import Chunk
from rationanomaly.stream.positions import Streams
from rationanomaly.stream.reader import RECORDS, StreamReader
from rationanomaly.stream.session_names import name_together

#: Number of its chunk, by which records are put in order.
_PLACE = "place"


@dataclass(frozen=True)
class _Member:
    """A chunk with its place among all, its reader and the number of its lines."""

    place: int
    chunk: Chunk
    reader: StreamReader
    lines: int


def read_chunks(streams: Streams, chunks: Sequence[Chunk], now: float, log_format: str) -> pl.DataFrame:
    """The records that are complete with some chunks, in the order of these: columns of `reader.RECORDS`.

    Args:
        streams: know the readers, and note the positions.
        chunks: in order.
        now: seconds since 1970.
        log_format: of chunks that say ``auto``.
    """
    members = []
    for place, chunk in enumerate(chunks):
        reader = streams.reader(chunk.stream, log_format if chunk.format == AUTO else chunk.format)
        members.append(_Member(place, chunk, reader, chunk.data.count(b"\n")))
        streams.move(chunk.stream, chunk.position)
    frames, done = list[pl.DataFrame](), set[int]()
    for group in _groups(members):
        records, kept = _read_together(group)
        frames.append(records)
        done.update(member.place for member in kept)
    frames += [_read_apart(member, now) for member in members if member.place not in done]
    frames = [records for records in frames if records.height]
    if not frames:
        return RECORDS.to_frame()
    return (pl.concat(frames).sort(_PLACE, maintain_order=True) if len(frames) > 1 else frames[0]).drop(_PLACE)


def _read_apart(member: _Member, now: float) -> pl.DataFrame:
    """The records of a chunk by its own reader, with their place."""
    found = [member.reader.feed(member.chunk.data, now, member.chunk.node)]
    if member.chunk.whole:
        found.append(member.reader.finish())
    return pl.concat(found).with_columns(pl.lit(member.place, pl.Int64).alias(_PLACE))


def _groups(members: Sequence[_Member]) -> list[list[_Member]]:
    """The chunks that may be read together, by format; a stream is in a group with all its chunks or with none."""
    apart = {member.chunk.stream for member in members if not _is_simple(member)}
    groups: dict[str, list[_Member]] = {}
    for member in members:
        form = member.reader.simple_form
        if form is not None and member.chunk.stream not in apart:
            groups.setdefault(form.name, []).append(member)
    return [group for group in groups.values() if len(group) > 1]


def _is_simple(member: _Member) -> bool:
    data = member.chunk.data
    # Each line ends with LF alone, so that they can be counted.
    return member.chunk.whole and data.endswith(b"\n") and b"\r" not in data and member.reader.simple_form is not None


def _read_together(members: Sequence[_Member]) -> tuple[pl.DataFrame, list[_Member]]:
    """The records of chunks with their places, and the chunks that were read: streams without any odd line."""
    reader = members[0].reader
    data = b"".join(member.chunk.data for member in members)
    lines = pl.concat(split_lines([data], reader.max_line_bytes, Counts()))
    owners = np.repeat(np.arange(len(members)), [member.lines for member in members])
    lines = lines.with_columns(owner=owners[lines["line"].to_numpy() - 1])
    records = reader.read_each(lines)
    odd = {members[owner].chunk.stream for owner in records.filter(~pl.col("is_alone"))["owner"].unique()}
    kept = [member for member in members if member.chunk.stream not in odd]
    if odd:
        is_kept = pl.Series([member.chunk.stream not in odd for member in members])
        records = records.filter(is_kept.gather(records["owner"]))
    return _placed(records, members, kept), kept


def _placed(records: pl.DataFrame, members: Sequence[_Member], kept: Sequence[_Member]) -> pl.DataFrame:
    """Records with what their streams say of them; the readers know that they are read."""
    owner = records["owner"]
    records = records.with_columns(
        pl.col("line") + pl.Series(_shifts(members), dtype=pl.Int64).gather(owner),
        source=pl.Series([member.chunk.stream for member in members]).gather(owner),
        node=pl.coalesce("node", pl.Series([member.chunk.node for member in members], dtype=pl.String).gather(owner)),
        **{_PLACE: pl.Series([member.place for member in members]).gather(owner)},
    )
    heights = np.bincount(owner.to_numpy(), minlength=len(members))
    sizes = [int(height) for height, member in zip(heights, members, strict=True) if member in kept]
    if records["time"].null_count() < records.height:
        starts = np.cumsum([0, *sizes])[:-1]
        parts = (records.slice(start, size) for start, size in zip(starts, sizes, strict=True))
        records = pl.concat(member.reader.set_clock(part) for member, part in zip(kept, parts, strict=True))
    names = [member.reader.session_names for member in kept]
    records = name_together(list(zip(names, sizes, strict=True)), records)
    for member in kept:
        member.reader.pass_over(member.lines)
    return records.select(*RECORDS.names(), _PLACE)


def _shifts(members: Sequence[_Member]) -> list[int]:
    """For each chunk what lies between the numbers of its lines among all of them and in its stream."""
    before: dict[str, int] = {}
    shifts, start = [], 0
    for member in members:
        own = before.get(member.chunk.stream, member.reader.lines)
        shifts.append(own - start)
        before[member.chunk.stream] = own + member.lines
        start += member.lines
    return shifts
