"""Params files: read within limits, and errors name the line."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import yaml

from rationanomaly.errors import ParamsError
from rationanomaly.params import yaml_text
from rationanomaly.params.yaml_text import YamlTextError
from rationanomaly.regular_files import SHELL_PIPES

#: Where a hint sends who wants to know what a key means.
EXPLAINED = "`rationanomaly params defaults` shows"
#: A character of UTF-8 has up to four bytes.
_MAX_BYTES = 4 * yaml_text.MAX_CHARACTERS


def read(path: Path) -> dict[str, Any]:
    """What stands in one file, whatever it extends.

    Raises:
        ParamsError: no such file, no file but a device or a pipe, not YAML, more than plain values (`yaml_text`), a
            key that stands twice in its section, or no sections at all.
    """
    try:
        document = yaml_text.load(_text(path))
    except YamlTextError as error:
        raise ParamsError(error.problem, file=path, line=error.line, hint=error.hint) from error
    except FileNotFoundError as error:
        raise ParamsError(
            "no such params file", file=path, hint="Name one with --params, such as params.yaml, or `--params defaults`"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ParamsError(f"can't be read: {error}", file=path, hint="Name a UTF-8 YAML file with --params") from error
    if not isinstance(document, dict):
        raise ParamsError("holds no sections", file=path, hint=f"{EXPLAINED} what it may hold")
    return document


def line_of(path: Path, location: list[str]) -> int | None:
    """The line of the deepest part of ``location`` that stands in the file itself."""
    try:
        node = yaml_text.compose(_text(path))
    except (OSError, ValueError, YamlTextError, ParamsError):
        return None
    line = None
    for part in location:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = next(((key, value) for key, value in pairs if key.value == part), None)
        if found is None:
            return line
        line, node = found[0].start_mark.line + 1, found[1]
    return line


def _text(path: Path) -> str:
    """What a file holds; one without an end, or that nobody writes to, is not waited for."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    # Not by the number alone, which an error would name in the file's place.
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            if not str(path).startswith(SHELL_PIPES):
                raise ParamsError("is a device, a pipe or a folder, no file", file=path, hint="Name a YAML file")
            os.set_blocking(descriptor, True)
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise ParamsError(f"has more than {_MAX_BYTES:,} bytes", file=path, hint="Name another file")
    return content.decode("utf-8")
