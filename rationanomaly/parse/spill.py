"""Batches on disk between the two passes, so that memory stays flat."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl


class Spill:
    """A folder of Arrow files, one a batch."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0
        folder.mkdir()

    def write(self, batch: pl.DataFrame) -> None:
        """Put a batch aside."""
        batch.write_ipc(self._path(self._count), compression="lz4")
        self._count += 1

    def read(self) -> Iterator[pl.DataFrame]:
        """The batches in their order; each is deleted once the next is asked for."""
        for number in range(self._count):
            yield pl.read_ipc(self._path(number).read_bytes())
            self._path(number).unlink()

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:08d}.arrow"
