"""A session model in a folder: its structure and texts as JSON, its numbers as safetensors. No code, no pickle.

The JSON names every class and field, and holds the hashes of both files: what was changed or cut off is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors
from scipy.sparse import csr_matrix

from rationanomaly.errors import ArtifactError
from rationanomaly.session_models.background import Background
from rationanomaly.session_models.batch import Events
from rationanomaly.session_models.boosted import Boosted
from rationanomaly.session_models.combined import Combined
from rationanomaly.session_models.count_neighbours import CountNeighbours
from rationanomaly.session_models.count_regression import CountRegression
from rationanomaly.session_models.features import Parts
from rationanomaly.session_models.maximum import Maximum
from rationanomaly.session_models.model import SessionModel
from rationanomaly.session_models.new_event import NewEvent
from rationanomaly.session_models.next_event import NextEvent
from rationanomaly.session_models.normal_sessions import NormalSessions
from rationanomaly.thresholds import Threshold

STRUCTURE, NUMBERS = "session_model.json", "session_model.safetensors"
SCHEMA_VERSION = 1
_HINT = "Train the model again with this version"
_CLASSES = (
    Background, Boosted, Combined, CountNeighbours, CountRegression, Events, Maximum, NewEvent, NextEvent,
    NormalSessions, Parts, Threshold,
)  # fmt: skip
_BY_NAME: Mapping[str, type] = {kind.__name__: kind for kind in _CLASSES}

Saved = TypeVar("Saved")


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


Arrays = dict[str, npt.NDArray[Any]]


def save(model: SessionModel | _Dataclass, folder: Path) -> None:
    """Write `STRUCTURE` and `NUMBERS`; equal models give equal files.

    Args:
        model: one of ours (`choice.CANDIDATES`), or a dataclass that holds one.
        folder: is made if missing.

    Raises:
        TypeError: a model of another kind.
    """
    arrays: Arrays = {}
    if not is_dataclass(model):
        raise TypeError(f"a {type(model).__name__} is no session model of ours")
    structure = {f.name: _taken_apart(getattr(model, f.name), f.name, arrays) for f in fields(model)}
    numbers = save_tensors({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    document: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "class": type(model).__name__, "fields": structure}
    document["numbers_sha256"] = _sha256(numbers)
    document["sha256"] = _sha256(_canonical(document))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NUMBERS).write_bytes(numbers)
    text = json.dumps(document, ensure_ascii=True, indent=1, sort_keys=True, allow_nan=False)
    (folder / STRUCTURE).write_text(text + "\n", "utf-8")


def load(folder: Path, kind: type[Saved]) -> Saved:
    """Read what `save` wrote; its scores are equal to those of the model that was saved.

    Args:
        folder: that was written to.
        kind: class of what was saved.

    Raises:
        ArtifactError: a file is missing, damaged, or of another version or kind.
    """
    document, numbers = _read(folder)
    try:
        if document["class"] != kind.__name__:
            raise ValueError(f"holds a {document['class']}")
        arrays = load_tensors(numbers)
        return kind(**{name: _put_together(part, arrays) for name, part in document["fields"].items()})
    except (SafetensorError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ArtifactError("is not a session model of this version", file=folder / STRUCTURE, hint=_HINT) from error


def _read(folder: Path) -> tuple[dict[str, Any], bytes]:
    """Both files, found to be whole."""
    for name in (STRUCTURE, NUMBERS):
        if not (folder / name).is_file():
            raise ArtifactError("is missing, so the session model is not whole", file=folder / name, hint=_HINT)
    path = folder / STRUCTURE
    try:
        document = json.loads(path.read_bytes())
        stated = document.pop("sha256")
        version, numbers_sha256 = document["schema_version"], document["numbers_sha256"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ArtifactError("is not the description of a session model", file=path, hint=_HINT) from error
    if version != SCHEMA_VERSION:
        raise ArtifactError(f"has another schema than {SCHEMA_VERSION}", file=path, hint=_HINT)
    if _sha256(_canonical(document)) != stated:
        raise ArtifactError("was changed after it was written", file=path, hint=_HINT)
    numbers = (folder / NUMBERS).read_bytes()
    if _sha256(numbers) != numbers_sha256:
        raise ArtifactError(f"is not the file that {STRUCTURE} names", file=folder / NUMBERS, hint=_HINT)
    return document, numbers


def _taken_apart(value: Any, name: str, arrays: Arrays) -> Any:
    """JSON of a value; arrays go to ``arrays``, under the path that leads to them."""
    if is_dataclass(value) and type(value) in _CLASSES:
        parts = {f.name: _taken_apart(getattr(value, f.name), f"{name}.{f.name}", arrays) for f in fields(value)}
        return {"class": type(value).__name__, "fields": parts}
    if isinstance(value, np.ndarray):
        arrays[name] = value
        return {"array": name}
    if isinstance(value, csr_matrix):
        for part in ("data", "indices", "indptr"):
            arrays[f"{name}.{part}"] = getattr(value, part)
        return {"csr": name, "shape": list(map(int, value.shape))}
    if isinstance(value, tuple):
        return {"tuple": [_taken_apart(one, name, arrays) for one in value]}
    if isinstance(value, Mapping):
        return {"mapping": {key: _taken_apart(one, f"{name}.{key}", arrays) for key, one in value.items()}}
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise TypeError(f"a {type(value).__name__} is no part of a session model that can be saved")


def _put_together(value: Any, arrays: Mapping[str, npt.NDArray[Any]]) -> Any:
    """The value of its JSON."""
    match value:
        case {"class": str(name), "fields": dict(parts)}:
            return _BY_NAME[name](**{key: _put_together(part, arrays) for key, part in parts.items()})
        case {"array": str(name)}:
            return arrays[name]
        case {"csr": str(name), "shape": [int(rows), int(columns)]}:
            data, indices, indptr = (arrays[f"{name}.{part}"] for part in ("data", "indices", "indptr"))
            matrix = csr_matrix((data, indices, indptr), shape=(rows, columns))
            matrix.check_format(full_check=True)
            return matrix
        case {"tuple": list(parts)}:
            return tuple(_put_together(part, arrays) for part in parts)
        case {"mapping": dict(parts)}:
            return {key: _put_together(part, arrays) for key, part in parts.items()}
        case None | str() | int() | float():
            return value
    raise ValueError("unknown structure")


def _canonical(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
