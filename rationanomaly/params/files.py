"""Params files as YAML: a key stands once, and errors name the line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from rationanomaly.errors import ParamsError

#: Where a hint sends who wants to know what a key means.
EXPLAINED = "`rationanomaly params defaults` shows"


def read(path: Path) -> dict[str, Any]:
    """What stands in one file, whatever it extends.

    Raises:
        ParamsError: no such file, not YAML, a key that stands twice in its section, or no sections at all.
    """
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
    except _RepeatedKeyError as error:
        problem = f"`{error.key}` stands twice in its section"
        raise ParamsError(problem, file=path, line=error.problem_mark.line + 1, hint="Keep one of the two") from error
    except RecursionError as error:
        raise ParamsError("is nested too deeply", file=path, hint=f"{EXPLAINED} what it may hold") from error
    except FileNotFoundError as error:
        raise ParamsError(
            "no such params file", file=path, hint="Name one with --params, such as params.yaml, or `--params defaults`"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ParamsError(f"can't be read: {error}", file=path, hint="Name a UTF-8 YAML file with --params") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        raise ParamsError("is not YAML", file=path, line=line, hint="Correct the line") from error
    except ValueError as error:
        # A date that no calendar has: YAML reads what looks like one.
        problem = f"holds a value that can't be read: {error}"
        raise ParamsError(problem, file=path, hint="Put what looks like a date or a number in quotes") from error
    if not isinstance(document, dict):
        raise ParamsError("holds no sections", file=path, hint=f"{EXPLAINED} what it may hold")
    return document


def line_of(path: Path, location: list[str]) -> int | None:
    """The line of the deepest part of ``location`` that stands in the file itself."""
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, ValueError, yaml.YAMLError):
        return None
    line = None
    for part in location:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = next(((key, value) for key, value in pairs if key.value == part), None)
        if found is None:
            return line
        line, node = found[0].start_mark.line + 1, found[1]
    return line


class _RepeatedKeyError(yaml.YAMLError):
    """A key stands twice in one section; YAML's readers let the last one win in silence."""

    def __init__(self, key: str, mark: yaml.Mark) -> None:
        super().__init__(key)
        self.key, self.problem_mark = key, mark


class _Loader(yaml.SafeLoader):
    """YAML in which every key is unique."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set[str]()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise _RepeatedKeyError(key.value, key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)
