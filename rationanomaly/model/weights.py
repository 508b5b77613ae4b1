"""The header of a safetensors file: what it says is checked before any library gives it memory.

The format (huggingface/safetensors, README): 8 bytes with the length of the header, little-endian; the header, a JSON
object of name → ``dtype``, ``shape`` and ``data_offsets``; the numbers, without gaps.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rationanomaly.errors import ArtifactError
from rationanomaly.regular_files import opened, read_object

INDEX = "model.safetensors.index.json"
_HINT = "Copy the weights again from where they come from"
#: Bytes of a number.
_SIZES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1, "U16": 2,
    "U32": 4, "U64": 8, "F8_E4M3": 1, "F8_E5M2": 1,
}  # fmt: skip
#: Bytes of the longest header, tensors in it and their dimensions; models of 400 billion weights have a tenth of that.
_LONGEST, _MOST_TENSORS, _MOST_DIMENSIONS = 32 << 20, 200_000, 8


@dataclass(frozen=True)
class Tensor:
    """What a header says of one tensor."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def numbers(self) -> int:
        return math.prod(self.shape)


def read_header(path: Path) -> dict[str, Tensor]:
    """The tensors in a safetensors file, by name.

    Raises:
        ArtifactError: it is cut off, has a header that is no JSON, too long or too deep, or tensors that overlap, leave
            gaps, or don't fill the file.
    """
    try:
        with opened(path) as file:
            size = os.fstat(file.fileno()).st_size
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or length > min(_LONGEST, size - 8):
                raise ArtifactError(
                    "is no whole safetensors file: its header is cut off or absurd", file=path, hint=_HINT
                )
            content = file.read(length)
        document = json.loads(content)
        found, places = _tensors(document)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ArtifactError("has a header that is not one of safetensors", file=path, hint=_HINT) from error
    end = 0
    for start, stop in sorted(places):
        if start != end:
            raise ArtifactError("has tensors that overlap or leave gaps", file=path, hint=_HINT)
        end = stop
    if end != size - 8 - length:
        raise ArtifactError("holds other numbers than its header says: it is not whole", file=path, hint=_HINT)
    return found


def _tensors(document: Mapping[str, Any]) -> tuple[dict[str, Tensor], list[tuple[int, int]]]:
    found, places = {}, []
    for name, entry in document.items():
        if name == "__metadata__":
            continue
        shape, (start, stop) = tuple(entry["shape"]), entry["data_offsets"]
        if len(shape) > _MOST_DIMENSIONS or not all(type(one) is int and one >= 0 for one in (*shape, start, stop)):
            raise ValueError(name)
        found[name] = Tensor(entry["dtype"], shape)
        if stop - start != found[name].numbers * _SIZES[entry["dtype"]]:
            raise ValueError(name)
        places.append((start, stop))
    if not found or len(found) > _MOST_TENSORS:
        raise ValueError
    return found, places


def read_index(path: Path) -> frozenset[str]:
    """The names of the files that the index of a model in several files names; they lie beside it.

    Raises:
        ArtifactError: it is no index, or names a file elsewhere.
    """
    files = read_object(path, "is no index of weights", _HINT).get("weight_map")
    if not isinstance(files, dict) or not files:
        raise ArtifactError("is no index of weights", file=path, hint=_HINT)
    for name in files.values():
        if not isinstance(name, str) or Path(name).name != name or not name.endswith(".safetensors"):
            raise ArtifactError("names weights that don't lie beside it", file=path, hint=_HINT)
        if not (path.parent / name).is_file():
            raise ArtifactError("is named in the index of the weights but missing", file=path.parent / name, hint=_HINT)
    return frozenset(files.values())


def read_headers(folder: Path) -> dict[str, Tensor]:
    """The tensors of the model in a folder: of ``model.safetensors``, or of the files that its index names.

    Raises:
        ArtifactError: neither is there, or as `read_header` and `read_index`.
    """
    single = folder / "model.safetensors"
    if single.is_file():
        return read_header(single)
    if (folder / INDEX).is_file():
        return {
            name: one for file in sorted(read_index(folder / INDEX)) for name, one in read_header(folder / file).items()
        }
    hint = "Run `rationanomaly base` again"
    raise ArtifactError("holds no weights that transformers would read (model.safetensors)", file=folder, hint=hint)
