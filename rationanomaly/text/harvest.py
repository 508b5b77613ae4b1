"""Log statements of the Python packages that are installed: unlabelled text of the kind that logs are made of.

They hold words that training templates do not hold. What is found is a function of the
environment, whose versions are pinned, so equal environments give equal texts.
"""

from __future__ import annotations

import ast
import hashlib
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

from rationanomaly.progress import track
from rationanomaly.text.canonical import WILDCARD

#: Packages about machines, networks, storage and processes; the rest of an environment says little about faults.
#: Pinned ones alone. Not the standard library: Python's patch release, and with it some messages, differs by machine.
PACKAGES = (
    "accelerate", "aiohttp", "alembic", "asyncssh", "billiard", "celery", "cryptography", "databricks", "datasets",
    "deepspeed", "docker", "dvc", "dvc_data", "dvc_objects", "filelock", "fsspec", "git", "google", "gunicorn",
    "httpcore", "huggingface_hub", "kfp", "kombu", "kubernetes", "mlflow", "psutil", "pyarrow", "requests",
    "sqlalchemy", "starlette", "torch/distributed", "torch/utils", "urllib3", "uvicorn", "websocket",
    "werkzeug",
)  # fmt: skip
_LOGGING = frozenset({"debug", "info", "warning", "warn", "error", "critical", "exception", "fatal", "log"})
_MAX_FILE_BYTES = 400_000
_MIN_WORDS = 2


def harvest(limit: int) -> list[str]:
    """Distinct messages of log statements, warnings and exceptions, from files in a shuffled order that never changes.

    Args:
        limit: at most so many, from all packages alike; 0 reads nothing.
    """
    found: dict[str, None] = {}
    if limit:
        for path in track(_files(), "harvesting messages", unit="files"):
            for message in _messages(path):
                found.setdefault(message)
                if len(found) == limit:
                    return list(found)
    return list(found)


def _files() -> list[Path]:
    site_packages = Path(sysconfig.get_path("purelib"))
    paths = [path for name in PACKAGES for path in sorted((site_packages / name).rglob("*.py"))]
    # Relative, so that it doesn't matter where the environment lies.
    names = [path.relative_to(site_packages).as_posix() for path in paths]
    kept = [
        (hashlib.sha256(name.encode()).digest(), path)
        for path, name in zip(paths, names, strict=True)
        if "test" not in name and path.stat().st_size <= _MAX_FILE_BYTES
    ]
    return [path for _, path in sorted(kept)]


def _messages(path: Path) -> Iterator[str]:
    try:
        source = path.read_text(encoding="utf-8")
        if "log" not in source and "raise" not in source:
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (OSError, ValueError, SyntaxError, RecursionError):
        return
    for node in ast.walk(tree):
        call = node.exc if isinstance(node, ast.Raise) else node
        if not isinstance(call, ast.Call) or not call.args or not (isinstance(node, ast.Raise) or _logs(call)):
            continue
        message = " ".join(_text(call.args[0]).split())
        if len(message.replace(WILDCARD, " ").split()) >= _MIN_WORDS:
            yield message


def _logs(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr in _LOGGING


def _text(node: ast.expr) -> str:
    """The literal text of an expression; what is only known at run time becomes a wildcard."""
    match node:
        case ast.Constant(value=str() as text):
            return _without_conversions(text)
        case ast.JoinedStr(values=values):
            return "".join(part.value if isinstance(part, ast.Constant) else WILDCARD for part in values)  # type: ignore[misc]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return f"{_text(left)} {_text(right)}"
        case ast.BinOp(left=left, op=ast.Mod()):
            return _text(left)
        case ast.Call(func=ast.Attribute(value=value, attr="format")):
            return _text(value)
    return WILDCARD


def _without_conversions(text: str) -> str:
    """``%s`` and ``{}`` as wildcards."""
    for conversion in ("%s", "%d", "%r", "%i", "%.2f", "%f", "{}", "{0}", "{1}", "{!r}"):
        text = text.replace(conversion, WILDCARD)
    return text
