"""Parquet files that grow by a row group at a time."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow.parquet as pq


class ParquetWriter:
    """Writes frames as they come; the file has exactly the columns of ``schema``, in its order.

    Row groups have so many rows whatever the frames have, so that equal rows give equal bytes.

    Args:
        path: the file.
        schema: its columns.
        group: rows of a row group.

    Attributes:
        rows: number of rows taken in.
    """

    def __init__(self, path: Path, schema: pl.Schema, group: int) -> None:
        self._schema, self._group, self.rows = schema, group, 0
        self._waiting = schema.to_frame()
        # Dictionaries pay where values repeat; elsewhere building them costs more than all the rest.
        strings = [name for name, kind in schema.items() if kind == pl.String]
        counters = {name: "DELTA_BINARY_PACKED" for name, kind in schema.items() if kind in (pl.Int64, pl.Datetime)}
        self._writer = pq.ParquetWriter(
            path,
            schema.to_frame().to_arrow().schema,
            compression="zstd",
            use_dictionary=strings,
            column_encoding=counters,
            write_statistics=list(counters),
        )

    def write(self, frame: pl.DataFrame) -> None:
        """Append rows."""
        self.rows += frame.height
        frame = frame.select(pl.col(name).cast(kind) for name, kind in self._schema.items())
        # Without `rechunk` how rows came in frames would show in the bytes.
        waiting = pl.concat([self._waiting, frame])
        for start in range(0, waiting.height - self._group + 1, self._group):
            self._writer.write_table(waiting.slice(start, self._group).rechunk().to_arrow())
        self._waiting = waiting.slice(waiting.height // self._group * self._group)

    def __enter__(self) -> ParquetWriter:
        return self

    def __exit__(self, error: type[BaseException] | None, *_more: object) -> None:
        if error is None and self._waiting.height:
            self._writer.write_table(self._waiting.rechunk().to_arrow())
        self._writer.close()
