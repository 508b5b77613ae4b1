"""What blind readers scored: their files read and checked, means, agreement, and every text with its scores."""

from __future__ import annotations

import hashlib
import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from statistics import mean
from typing import Any

from sklearn.metrics import cohen_kappa_score

from benchmarks.rationale_drawing import DRAWN, OURS, Entry, fenced
from benchmarks.rationale_rubric import BEST, CRITERIA, RUBRIC
from rationanomaly.errors import InputError
from rationanomaly.evaluate.ranking import shorten
from rationanomaly.records import LABELS

#: Of the final model, by the mean over both readers.
TARGETS = {"faithful": 1.6, "useful": 1.2, "fluent": 1.7}
#: By number, a reader's scores in the order of `CRITERIA`.
Scores = Mapping[int, Sequence[int]]


def read_key(path: Path) -> dict[int, Entry]:
    """What `draw` wrote.

    Raises:
        InputError: it is not a key, or does not have every text that is drawn.
    """
    names = {field.name for field in fields(Entry)}
    found: dict[int, Entry] = {}
    for number, value in _read_json(path).items():
        if not number.isdecimal() or not isinstance(value, dict) or value.keys() != names:
            raise InputError(f"has no text under {number!r}", file=path, hint="Draw anew")
        found[int(number)] = Entry(**value)
    counts = [sum((e.model, e.label) == (model, label) for e in found.values()) for model in DRAWN for label in LABELS]
    if counts != [DRAWN[model] for model in DRAWN for _ in LABELS] or sorted(found) != [*range(1, len(found) + 1)]:
        raise InputError("does not have the texts that are drawn", file=path, hint="Draw anew")
    return dict(sorted(found.items()))


def read_scores(path: Path, entries: Mapping[int, Entry]) -> Scores:
    """A reader's scores, of exactly the entries.

    Raises:
        InputError: a number is missing, foreign or there twice, or its scores are not three of 0, 1 and 2.
    """
    given = _read_json(path)
    expected = {str(number) for number in entries}
    for problem, numbers in (("no scores", expected - given.keys()), ("scores of no text", given.keys() - expected)):
        if numbers:
            listed = ", ".join(sorted(numbers, key=lambda number: (len(number), number)))
            raise InputError(f"has {problem} under {listed}", file=path, hint=f"Score 1 to {len(entries)}")
    for number, scores in given.items():
        if not isinstance(scores, list) or len(scores) != len(CRITERIA) or not all(map(_is_score, scores)):
            hint = f"Write [{', '.join(CRITERIA)}], each 0, 1 or {BEST}"
            raise InputError(f"has other than three scores under {number}", file=path, hint=hint)
    return {number: given[str(number)] for number in entries}


def _is_score(value: object) -> bool:
    return type(value) is int and 0 <= value <= BEST


def _read_json(path: Path) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        for name in names:
            if names.count(name) > 1:
                raise InputError(f"has {name} twice", file=path, hint="Leave one of them")
        return dict(pairs)

    try:
        value = json.loads(path.read_bytes(), object_pairs_hook=once)
    except OSError as error:
        raise InputError("can't be read", file=path, hint="Check the path") from error
    except ValueError as error:
        raise InputError("is not JSON", file=path, hint="Correct the file") from error
    if not isinstance(value, dict):
        raise InputError("is not a JSON object", file=path, hint="Correct the file")
    return value


def bars(entries: Mapping[int, Entry], readers: Sequence[Scores]) -> list[tuple[str, float, float]]:
    """Name, mean over both readers of the final model's texts, and target of each criterion."""
    values = _means(entries, readers, OURS)
    return [(f"RATIONALES_{name.upper()}", value, TARGETS[name]) for name, value in zip(CRITERIA, values, strict=True)]


def _means(entries: Mapping[int, Entry], readers: Sequence[Scores], model: str) -> list[float]:
    """Of each criterion, over these readers and the texts of a model."""
    rows = [scores[number] for scores in readers for number, entry in entries.items() if entry.model == model]
    return [float(mean(column)) for column in zip(*rows, strict=True)]


def document(
    entries: Mapping[int, Entry], readers: Sequence[Scores], note: str = "", show_templates: bool = False
) -> str:
    """A Markdown page: means, agreement, rubric, and each text with its scores, the final model's first.

    Args:
        entries: the texts by number.
        readers: their scores.
        note: paragraphs of its own.
        show_templates: the logs themselves; False: their hashes, for published templates may not be passed on.
    """
    ours = [entry for entry in entries.values() if entry.model == OURS]
    right = sum(entry.answer == entry.label for entry in ours)
    opening = (
        f"{len(ours)} texts of the final model, from the test side, and {len(entries) - len(ours)} of an earlier one, "
        f"each half of abnormal templates and half of normal ones, no two of one group of near-duplicates. They were "
        f"drawn at random (`python -m benchmarks.rationales draw`), mixed, and given to two readers without labels and "
        f"without saying which model wrote a text; the rubric was written before. They did not see a text's last "
        f"sentence where it only repeats the verdict. {right} of the {len(ours)} verdicts of the final model are "
        f"right. Scores are 0 to {BEST}."
    )
    opening += "" if show_templates else " The templates are published elsewhere and named by their hashes."
    parts = [
        "# Rationales, scored blind",
        *(textwrap.fill(paragraph, 120, break_on_hyphens=False) for paragraph in (opening, *note.split("\n\n"))),
        "## Means",
        _lines(means_table(entries, readers)),
    ]
    targets = ", ".join(f"{name} {TARGETS[name]}" for name in CRITERIA)
    parts += [f"Targets of the final model, by the mean of both readers: {targets}."]
    parts += ["## Agreement of the two readers", _lines(agreement_table(readers)), "## Rubric", RUBRIC]
    for model in DRAWN:
        order = f"Scores are {', '.join(CRITERIA)}; the first reader's, then the second's."
        parts += [f"## Texts of the {model}", order]
        parts += [
            _scored(number, entry, readers, show_templates) for number, entry in entries.items() if entry.model == model
        ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def means_table(entries: Mapping[int, Entry], readers: Sequence[Scores]) -> list[str]:
    """Means of each model, by each reader and by both."""
    rows = []
    for model in DRAWN:
        for title, who in (("first reader", readers[:1]), ("second reader", readers[1:]), ("both", readers)):
            rows.append([f"{model}, {title}", *(f"{value:.3f}" for value in _means(entries, who, model))])
    return _table(["", *CRITERIA], rows)


def agreement_table(readers: Sequence[Scores]) -> list[str]:
    """How often the readers score a text alike, and their quadratic weighted kappa, over the texts of both models."""
    columns = [[[scores[number][at] for number in scores] for scores in readers] for at in range(len(CRITERIA))]
    equal = [shorten(mean(float(a == b) for a, b in zip(*pair, strict=True))) for pair in columns]
    kappas = [_kappa(*pair) for pair in columns]
    return _table(["", *CRITERIA], [["equal scores", *equal], ["quadratic weighted kappa", *kappas]])


def _kappa(first: Sequence[int], second: Sequence[int]) -> str:
    if len({*first, *second}) == 1:
        return "–"  # 0 / 0: both gave one and the same score throughout.
    return shorten(float(cohen_kappa_score(first, second, labels=[0, 1, BEST], weights="quadratic")))


def _scored(number: int, entry: Entry, readers: Sequence[Scores], show_template: bool) -> str:
    given = " and ".join(" ".join(map(str, scores[number])) for scores in readers)
    hashed = f"SHA-256 {hashlib.sha256(entry.template.encode()).hexdigest()[:16]}"
    log = entry.template if show_template else hashed
    block = fenced({"log": log, "text": entry.text, "verdict": entry.answer})
    return f"### {number}\n\nLabel {entry.label}. Scores: {given}.\n\n{block}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]


def _lines(table: Sequence[str]) -> str:
    return "\n".join(table)
