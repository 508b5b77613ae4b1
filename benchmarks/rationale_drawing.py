"""The texts that blind readers of rationales get: what may be drawn, the drawing, and the sheet that shows it."""

from __future__ import annotations

import random
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rationale_rubric import INSTRUCTIONS, RUBRIC
from rationanomaly import artifacts
from rationanomaly.errors import InputError
from rationanomaly.evaluate.predictions import Prediction
from rationanomaly.evaluate.systems import FINAL
from rationanomaly.records import LABELLED, LABELLED_SCHEMA, LABELS, PREDICTIONS, read_objects, read_rows, read_table
from rationanomaly.text.prompt import split_conclusion
from rationanomaly.text.untrusted import for_terminal

OURS, EARLIER = "final model", "earlier model"
#: Texts of each true label.
DRAWN = {OURS: 20, EARLIER: 5}
_WIDTH = 110


@dataclass(frozen=True)
class Entry:
    """A text to be read.

    Attributes:
        model: OURS or EARLIER.
        template: the log.
        label: the true one, normal or abnormal.
        answer: the verdict that the text is to explain.
        text: the rationale as the model wrote it.
    """

    model: str
    template: str
    label: str
    answer: str
    text: str


def read_ours(kept: Path) -> list[Entry]:
    """The final model's texts on the test side of a kept seed.

    Raises:
        ArtifactError: the output of `evaluate` isn't there, or doesn't hold what its manifest says.
    """
    artifacts.read(kept / "evaluate", "evaluate")
    rows = read_rows(kept / "evaluate" / PREDICTIONS, Prediction)
    return [
        Entry(OURS, row.template, row.truth, row.answer, row.rationale)
        for row in rows
        if row.model == FINAL and row.split == "test" and row.rationale and row.rationale.strip()
    ]


def read_groups(kept: Path) -> dict[str, int]:
    """By template of a kept seed, its group of near-duplicates.

    Raises:
        ArtifactError: the output of `correct` isn't there, or doesn't hold what its manifest says.
    """
    artifacts.read(kept / "correct", "correct")
    labelled = read_table(kept / "correct" / LABELLED, LABELLED_SCHEMA)
    return dict(zip(labelled["template"], labelled["group"], strict=True))


def read_earlier(path: Path) -> list[Entry]:
    """An earlier model's texts.

    Raises:
        InputError: a line isn't an object with the four strings; names file and line.
    """
    found = []
    for number, row in read_objects(path):
        values = [row.get(name) for name in ("template", "label", "answer", "rationale")]
        strings = all(isinstance(value, str) and value.strip() for value in values)
        if not strings or not {row["label"], row["answer"]} <= {*LABELS}:
            problem = "does not hold template, label and answer (normal or abnormal), and rationale"
            raise InputError(problem, file=path, line=number, hint="Correct or remove the line")
        found.append(Entry(EARLIER, *map(str, values)))
    return found


def draw(ours: Iterable[Entry], earlier: Iterable[Entry], group_of: Mapping[str, int], seed: int) -> list[Entry]:
    """The texts to be read, in random order: DRAWN of each true label, no two of one group.

    Args:
        ours, earlier: what may be drawn; their order makes no difference.
        group_of: group of near-duplicates by template; a template that isn't there is a group of its own.
        seed: of the drawing.

    Raises:
        InputError: there are not enough.
    """
    rng = random.Random(seed)
    taken: set[int | str] = set()
    drawn: list[Entry] = []
    for model, texts in ((OURS, list(ours)), (EARLIER, list(earlier))):
        for label in LABELS:
            candidates = sorted((e for e in texts if e.label == label), key=lambda e: (e.template, e.text))
            rng.shuffle(candidates)
            found: list[Entry] = []
            for entry in candidates:
                group = group_of.get(entry.template, entry.template)
                if group not in taken and len(found) < DRAWN[model]:
                    taken.add(group)
                    found.append(entry)
            if len(found) < DRAWN[model]:
                problem = f"{len(found)} {label} templates with a text of the {model} are in groups not drawn yet"
                raise InputError(problem, hint=f"{DRAWN[model]} are needed")
            drawn += found
    rng.shuffle(drawn)
    return drawn


def sheet(entries: Sequence[Entry]) -> str:
    """What the readers get: instructions, rubric, and the entries by number, without models and labels."""
    parts = ["# Rationales to be scored", INSTRUCTIONS, "## Rubric", RUBRIC, "## Entries"]
    for number, entry in enumerate(entries, 1):
        analysis, stated = split_conclusion(entry.text)
        text = analysis if stated == entry.answer and analysis else entry.text
        parts.append(f"### {number}\n\n{fenced({'log': entry.template, 'text': text, 'verdict': entry.answer})}")
    return "\n\n".join(part.strip() for part in parts) + "\n"


def fenced(named: Mapping[str, str]) -> str:
    """A fenced block that nothing in it can close or imitate: a field is one line, and is indented where wrapped."""
    lines = []
    for name, value in named.items():
        lines += textwrap.wrap(
            f"{name + ':':9}{for_terminal(value)}", _WIDTH, subsequent_indent=" " * 9,
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
    return "\n".join(["```text", *lines, "```"])
