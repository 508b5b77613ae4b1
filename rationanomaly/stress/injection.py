"""Injected text: whether what an attacker writes beside a log's own words turns the verdict on it.

Each case has a control: the same log with as many neutral characters at the same place. A long log is cut before a
model sees it, and any text moves a score; what the words of the attack add is the difference.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from rationanomaly.records import Label
from rationanomaly.stress.cases import Case, flipped
from rationanomaly.stress.injection_texts import FAMILIES, Position
from rationanomaly.stress.judging import Tested
from rationanomaly.stress.neutral import control_of


class Family(Protocol):
    """A kind of attack; `injection_texts.Family` is one that is made of parts."""

    @property
    def positions(self) -> Sequence[Position]:
        """Where in a log a text is put."""
        ...

    def texts(self, toward: Label, /) -> Sequence[str]:
        """Distinct texts that are to bring about a label."""
        ...


def injection_cases(
    alarms: Sequence[Tested],
    normals: Sequence[Tested],
    rows: int,
    seed: int,
    families: Mapping[str, Family] = FAMILIES,
) -> Iterator[Case]:
    """Texts that call alarms normal and normal logs abnormal, and the controls of both.

    Rates: ``injection/flips`` and ``injection/FAMILY/flips`` of true alarms, ``injection/to_abnormal`` of normal logs;
    each with ``…_control``.

    Args:
        alarms: of truth abnormal, and judged so; normals alike.
        rows: cases of each family and truth; texts, positions and logs take turns.
        seed: of the order of texts and of the controls.
        families: by name.
    """
    for name, family in families.items():
        yield from _cases(name, family, alarms, "normal", ("injection/flips", f"injection/{name}/flips"), rows, seed)
        rates = ("injection/to_abnormal", f"injection/{name}/to_abnormal")
        yield from _cases(name, family, normals, "abnormal", rates, rows, seed)


def put(template: str, text: str, position: Position) -> str:
    """The log with a text in front, behind, or between the words in its middle."""
    if position == "front":
        return f"{text} {template}"
    if position == "behind":
        return f"{template} {text}"
    words = template.split(" ")
    middle = len(words) // 2
    return " ".join((*words[:middle], text, *words[middle:]))


def _cases(
    name: str, family: Family, logs: Sequence[Tested], toward: Label, rates: tuple[str, str], rows: int, seed: int
) -> Iterator[Case]:
    if not logs:
        return
    rng = random.Random(f"{seed}/{name}/{toward}")  # noqa: S311 - draws no secret
    texts = rng.sample(family.texts(toward), len(family.texts(toward)))
    for number in range(rows):
        log, text = logs[number % len(logs)], texts[number % len(texts)]
        # Once around, every text moves on to its next position.
        position = family.positions[(number + number // len(texts)) % len(family.positions)]
        yield Case(rates, f"injection/{name}", put(log.template, text, position), flipped, "as before", log)
        control = control_of(text, rng)
        controls = tuple(f"{rate}_control" for rate in rates)
        yield Case(controls, "injection/control", put(log.template, control, position), flipped, "as before", log)
