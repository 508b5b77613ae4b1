"""Parquet files that grow by a row group at a time."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq


class ParquetWriter:
    """Writes frames as they come; the file has exactly the columns of ``schema``, in its order."""

    def __init__(self, path: Path, schema: pl.Schema) -> None:
        self._schema, self.rows = schema, 0
        # Dictionaries pay where values repeat; elsewhere building them costs more than all the rest.
        strings = [name for name, kind in schema.items() if kind == pl.String]
        counters = {name: "DELTA_BINARY_PACKED" for name, kind in schema.items() if kind in (pl.Int64, pl.Datetime)}
        self._writer = pq.ParquetWriter(
            path,
            self._arrow(schema.to_frame()).schema,
            compression="zstd",
            use_dictionary=strings,
            column_encoding=counters,
            write_statistics=list(counters),
        )

    def write(self, frame: pl.DataFrame) -> None:
        """Append a row group; an empty frame appends nothing."""
        if frame.height:
            self._writer.write_table(self._arrow(frame))
            self.rows += frame.height

    def __enter__(self) -> ParquetWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def _arrow(self, frame: pl.DataFrame) -> pa.Table:
        return frame.select(pl.col(name).cast(kind) for name, kind in self._schema.items()).to_arrow()
