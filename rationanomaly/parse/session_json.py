"""The JSON of session files: its lines, its values, its events and the templates that they stand for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from rationanomaly.errors import InputError

#: The format of such files, and the data set of their templates.
SESSION_FILES = "sessions"

#: Bytes of the file of numbers and templates.
_MOST_BYTES = 2**28
_ESCAPES = re.compile("\x1b\\[[0-?]*[ -/]*[@-~]|[\x00\x1b]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_FORM = 'Write [{"index": 1, "template": "…"}, …], or {"1": "…", …}'


class Vocabulary:
    """The templates of all events, by first appearance.

    Args:
        numbered: number → text; None: there is no such file.
        most: templates at most.

    Attributes:
        texts: of the templates; a code is a place in it.
        codes: events as they are written → codes.
    """

    def __init__(self, numbered: Mapping[int, str] | None, limit: int) -> None:
        self.texts: list[str] = []
        self.codes: dict[Any, int] = {}
        self._numbered, self._most = numbered, limit
        self._by_text: dict[str, int] = {}

    def learn(self, events: Sequence[Any]) -> str | None:
        """Give new events a code.

        Returns:
            what is wrong with the first one that can have none; None if all have theirs.
        """
        # In a dictionary True and 1.0 are 1, and a list can't be looked up at all.
        if not {*map(type, events)} <= {int, str}:
            odd = next(event for event in events if type(event) not in (int, str))
            return f"has the event {shortened(odd)}, neither a text nor a whole number"
        for event in dict.fromkeys(events):
            if event not in self.codes and (problem := self._add(event)):
                return problem
        return None

    def _add(self, event: int | str) -> str | None:
        if isinstance(event, str):
            text = clean(event)
            if not text:
                return "has an event without text"
        elif self._numbered is None:
            return f"has the event {shortened(event)}, and no *.json file in the folder says which template that is"
        elif event in self._numbered:
            text = self._numbered[event]
        else:
            return f"has the event {shortened(event)}, which the *.json file of templates does not hold"
        code = self._by_text.setdefault(text, len(self.texts))
        if code == len(self.texts):
            if code >= self._most:
                return f"has one more than {self._most:,} distinct templates (parse.max_templates): are these messages?"
            self.texts.append(text)
        self.codes[event] = code
        return None


def clean(text: str) -> str:
    """The text of a template: single-spaced, without NULs, terminal escapes and halves of characters."""
    return " ".join(_SURROGATES.sub("\ufffd", _ESCAPES.sub("", text)).split())


def long_lines(file: Path, limit: int) -> Iterator[tuple[int, bytes]]:
    """The lines of a file that are not empty, with their 1-based numbers.

    Raises:
        InputError: a line has more than ``most`` bytes, for cut JSON is none; it is never in memory as a whole.
    """
    with file.open("rb") as stream:
        number = 0
        while line := stream.readline(limit + 2):
            number += 1
            if len(line.rstrip(b"\r\n")) > limit:
                hint = "Raise parse.max_line_bytes, or make shorter sessions"
                raise InputError(f"has more than {limit:,} bytes", file=file, line=number, hint=hint)
            if line.strip():
                yield number, line


def json_value(data: bytes, file: Path, number: int | None = None) -> Any:
    """The value that JSON in UTF-8 stands for.

    Raises:
        InputError: it is no such JSON, has a NaN, or is nested too deeply; names file and line.
    """
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise InputError("is not UTF-8", file=file, line=number, hint="Save it as UTF-8") from error
    except RecursionError as error:
        raise InputError("is nested too deeply", file=file, line=number, hint="Correct or remove it") from error
    except json.JSONDecodeError as error:
        line = number or error.lineno
        raise InputError(f"is not JSON: {error.msg}", file=file, line=line, hint="Correct or remove it") from error
    except ValueError as error:
        raise InputError(f"is not JSON: {error}"[:200], file=file, line=number, hint="Correct or remove it") from error


def read_numbers(file: Path) -> dict[int, str]:
    """Number → text of a template.

    Raises:
        InputError: too large, not of one of the two forms, or one number stands for two templates.
    """
    if file.stat().st_size > _MOST_BYTES:
        raise InputError(f"has more than {_MOST_BYTES:,} bytes", file=file, hint="Name the file of templates alone")
    document = json_value(file.read_bytes(), file)
    if isinstance(document, dict):
        rows = list(document.items())
    elif isinstance(document, list) and all(isinstance(row, dict) for row in document):
        rows = [(row.get("index"), row.get("template")) for row in document]
    else:
        raise InputError("is no list of templates", file=file, hint=_FORM)
    found: dict[int, str] = {}
    for key, text in rows:
        number = _number(key)
        if number is None or not isinstance(text, str) or not clean(text):
            problem = f"has the entry {shortened(key)}: {shortened(text)}, no number with a template"
            raise InputError(problem, file=file, hint=_FORM)
        if found.setdefault(number, clean(text)) != clean(text):
            raise InputError(f"says two things of the number {number}", file=file, hint="Remove one of them")
    return found


def shortened(value: object) -> str:
    """A value as JSON, short enough for a message."""
    text = json.dumps(value) if isinstance(value, (str, int, float, bool)) or value is None else type(value).__name__
    return text if len(text) <= 60 else f"{text[:60]}…"


def _number(key: object) -> int | None:
    if type(key) is int:
        return key
    return int(key) if isinstance(key, str) and re.fullmatch(r"-?[0-9]{1,18}", key) else None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
