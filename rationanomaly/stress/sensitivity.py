"""Over-sensitivity: whether a change that means nothing turns the verdict."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, zip_longest

from rationanomaly.stress.cases import Case, flipped
from rationanomaly.stress.judging import Tested
from rationanomaly.text.canonical import WILDCARD

_DIGITS = re.compile(r"\d+")
_WORD = re.compile(r"[^\W\d_]{3,}")


def sensitivity_cases(alarms: Sequence[Tested], normals: Sequence[Tested], rows: int) -> Iterator[Case]:
    """Logs with a harmless change, so many of each kind, alarms and normal logs in turn.

    Rates: ``sensitivity/changed`` and ``sensitivity/KIND/changed``.
    """
    logs = [log for log in chain.from_iterable(zip_longest(alarms, normals)) if log is not None]
    for kind, change in KINDS.items():
        for log in logs[:rows]:
            altered = change(log.template)
            if altered != log.template:
                rates = ("sensitivity/changed", f"sensitivity/{kind}/changed")
                yield Case(rates, f"sensitivity/{kind}", altered, flipped, "as before", log)


def _number(text: str) -> str:
    """Another value: of a number that stands there, or of a variable part."""
    changed = _DIGITS.sub(lambda found: "7" if found.group() != "7" else "8", text, count=1)
    return changed if changed != text else text.replace(WILDCARD, "4211", 1)


def _identifier(text: str) -> str:
    return text.replace(WILDCARD, "srv-a41.example", 1)


def _letter_case(text: str) -> str:
    return _WORD.sub(lambda found: found.group().swapcase(), text, count=1)


def _full_stop(text: str) -> str:
    return text[:-1] if text.endswith(".") else f"{text}."


def _white_space(text: str) -> str:
    return text.replace(" ", "  ", 1)


def _courtesy(text: str) -> str:
    return f"note that {text}"


KINDS: Mapping[str, Callable[[str], str]] = {
    "number": _number,
    "identifier": _identifier,
    "letter_case": _letter_case,
    "full_stop": _full_stop,
    "white_space": _white_space,
    "courtesy": _courtesy,
}
