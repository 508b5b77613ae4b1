"""A part of a log, read and masked: what one machine of several makes, and all of it where there is only one.

A part's folder holds its records in batches, the distinct masks of each batch, the rejected lines and what was
counted. Line numbers begin at 1 in each part; `merging.merge` puts the parts together.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
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

_ABOUT = "part.json"


@dataclass(frozen=True)
class Part:
    """A finished part.

    Attributes:
        folder: where it lies.
        number: its place among the parts of the log.
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


def read_part(log: Path, format_name: str, settings: ParseParams, folder: Path, number: int = 0) -> Part:
    """Read one part of a log into a new folder.

    Args:
        log: a file, a glob or standard input; where there are several parts, each is whole files.
        format_name: name of a format, or ``auto``.
        settings: the params section ``parse``.
        folder: is made.
        number: place of the part among the parts of the log.

    Raises:
        InputError: missing or empty file, or no format fits.
        ParamsError: no such format.
    """
    folder.mkdir()
    miner, batches = Miner.new(settings), 0
    reader = LogReader(log, format_name, settings, rejects=write_rejects(folder / records.REJECTS), part=True)
    for batch in prefetch(reader):
        masked = miner.masked(batch)
        masked.write_ipc(_batch(folder, batches), compression="uncompressed")
        masked.select(pl.col("mask").unique(maintain_order=True).cast(pl.String)).write_ipc(_masks(folder, batches))
        batches += 1
    part = Part(folder, number, str(log), reader.format.name, reader.counts, batches)
    about = {name: value for name, value in asdict(part).items() if name != "folder"}
    artifacts.write_json(folder / _ABOUT, about)
    return part


def open_part(folder: Path) -> Part:
    """The part that `read_part` left in a folder."""
    about = json.loads((folder / _ABOUT).read_bytes())
    return Part(**about | {"folder": folder, "counts": Counts(**about["counts"])})


def _batch(folder: Path, number: int) -> Path:
    return folder / f"{number:08d}.records.arrow"


def _masks(folder: Path, number: int) -> Path:
    return folder / f"{number:08d}.masks.arrow"
