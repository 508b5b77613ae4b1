"""Batches on disk between the two passes, so that memory stays flat."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl


class Spill:
    """A folder of Arrow files, one a batch; it is gone when they have been read.

    Attributes:
        batches: number of batches written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self.batches = folder, 0
        folder.mkdir()

    def write(self, batch: pl.DataFrame) -> None:
        """Put a batch aside."""
        batch.write_ipc(self._path(self.batches), compression="uncompressed")
        self.batches += 1

    def read(self) -> Iterator[pl.DataFrame]:
        """The batches in their order."""
        for number in range(self.batches):
            path = self._path(number)
            yield pl.read_ipc(path.read_bytes())
            path.unlink()
        self._folder.rmdir()

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:08d}.arrow"
