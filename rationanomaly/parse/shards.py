"""A shard of a log, read and masked: what one machine of several makes, and all of it where there is only one.

A shard's folder holds its records in batches, the distinct masks of each batch, the rejected lines and what was
counted. Line numbers begin at 1 in each shard; `merging.merge` puts the shards together.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from rationanomaly import artifacts, records
from rationanomaly.params import ParseParams
from rationanomaly.parse.lines import Counts
from rationanomaly.parse.mining import Miner
from rationanomaly.parse.prefetch import prefetch
from rationanomaly.parse.reading import LogReader
from rationanomaly.parse.rejects import write_rejects
from rationanomaly.parse.source import Piece

_ABOUT = "shard.json"
#: Records of a batch, but for the last.
_LEAST_ROWS = 2**15


@dataclass(frozen=True)
class Shard:
    """A finished shard.

    Attributes:
        folder: where it lies.
        number: its place among the shards of the log.
        log: what was read, for errors.
        format: name of the format.
        counts: what was counted.
        batches: number of batches.
    """

    folder: Path
    number: int
    log: str
    format: str
    counts: Counts
    batches: int

    def masks(self) -> Iterator[pl.Series]:
        """The distinct masks of each batch, in the order of their first line there."""
        for number in range(self.batches):
            yield pl.read_ipc(_masks(self.folder, number))["mask"]

    def records(self) -> Iterator[pl.DataFrame]:
        """The records of each batch, with ``mask`` as an Enum."""
        for number in range(self.batches):
            yield pl.read_ipc(_batch(self.folder, number))


def read_shard(
    log: Path,
    format_name: str,
    settings: ParseParams,
    folder: Path,
    number: int = 0,
    pieces: Sequence[Piece] | None = None,
) -> Shard:
    """Read one shard of a log into a folder.

    Args:
        log: a file, a glob or standard input.
        format_name: name of a format, or ``auto``.
        settings: the params section ``parse``.
        folder: is made if it is not there.
        number: place of the shard among the shards of the log.
        pieces: what the shard holds of the log; None: all.

    Raises:
        InputError: missing or empty file, or no format fits.
        ParamsError: no such format.
    """
    folder.mkdir(exist_ok=True)
    miner, batches = Miner.new(settings), 0
    rejects = write_rejects(folder / records.REJECTS, settings.max_line_bytes)
    reader = LogReader(log, format_name, settings, rejects=rejects, shard=number, pieces=pieces)
    for batch in prefetch(_together(reader)):
        masked = miner.masked(batch)
        masked.write_ipc(_batch(folder, batches), compression="uncompressed")
        masked.select(pl.col("mask").unique(maintain_order=True).cast(pl.String)).write_ipc(_masks(folder, batches))
        batches += 1
    shard = Shard(folder, number, str(log), reader.format.name, reader.counts, batches)
    about = {name: value for name, value in asdict(shard).items() if name != "folder"}
    artifacts.write_json(folder / _ABOUT, about)
    return shard


def open_shard(folder: Path) -> Shard:
    """The shard that `read_shard` left in a folder."""
    about = json.loads((folder / _ABOUT).read_bytes())
    return Shard(**about | {"folder": folder, "counts": Counts(**about["counts"])})


def _together(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The same rows in fewer frames: thousands of small files would make thousands of small batches."""
    held, rows = list[pl.DataFrame](), 0
    for frame in frames:
        held.append(frame)
        rows += frame.height
        if rows >= _LEAST_ROWS:
            yield pl.concat(held)
            held, rows = [], 0
    if held:
        yield pl.concat(held)


def _batch(folder: Path, number: int) -> Path:
    return folder / f"{number:08d}.records.arrow"


def _masks(folder: Path, number: int) -> Path:
    return folder / f"{number:08d}.masks.arrow"
