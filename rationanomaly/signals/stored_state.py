"""What signals know, as bytes: JSON in front, compressed numbers behind. No pickle."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]
_SIZE_BYTES = 8
#: The fastest: most numbers are zeros.
_LEVEL = 1
#: What an array may hold.
_KINDS = "biuf"


def pack(values: Any, arrays: Arrays) -> bytes:
    """Bytes that hold JSON values and arrays of numbers.

    Args:
        values: what JSON can hold.
        arrays: by name.
    """
    parts = {name: np.ascontiguousarray(one) for name, one in arrays.items()}
    shapes = [[name, one.dtype.str, list(one.shape)] for name, one in parts.items()]
    head = json.dumps({"values": values, "arrays": shapes}, ensure_ascii=True).encode()
    compressor = zlib.compressobj(_LEVEL)
    body = [compressor.compress(one.tobytes()) for one in parts.values() if one.size]
    return b"".join([len(head).to_bytes(_SIZE_BYTES, "big"), head, *body, compressor.flush()])


def unpack(data: bytes) -> tuple[Any, dict[str, NDArray[Any]]]:
    """What `pack` was given.

    Raises:
        ValueError: the bytes are cut off or no such bytes.
    """
    size = int.from_bytes(data[:_SIZE_BYTES], "big")
    try:
        head = json.loads(data[_SIZE_BYTES : _SIZE_BYTES + size])
        body = zlib.decompress(data[_SIZE_BYTES + size :])
        arrays, start = {}, 0
        for name, kind, shape in head["arrays"]:
            dtype = np.dtype(kind)
            if dtype.kind not in _KINDS:
                raise ValueError(f"an array of {kind}")
            end = start + math.prod(shape) * dtype.itemsize
            arrays[name] = np.frombuffer(body[start:end], dtype).reshape(shape).copy()
            start = end
        return head["values"], arrays
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise ValueError(f"no state of signals: {error}") from error
