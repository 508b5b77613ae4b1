"""Whether rationales are worth reading: 50 texts are drawn for two blind readers, and their scores tabulated.

    python -m benchmarks.rationales draw DIR/seed-0 --others FILE --output FOLDER
    python -m benchmarks.rationales tabulate FOLDER --scores A.json --scores B.json --output docs/rationales.md

`draw` takes 40 texts of the final model from the test side of a kept seed (`kept_seeds`), 20 of abnormal templates and
20 of normal ones, and mixes in ten of an earlier model, five and five, out of JSON Lines with ``template``, ``label``,
``answer`` and ``rationale``. No two of the 50 are of one group of near-duplicates. What decides is the seed, nothing
that a text says; a verdict without a text can't be drawn. FOLDER/sheet.md is for the readers: the rubric, then logs,
texts and verdicts by number, with neither labels nor models. FOLDER/key.json has these, and no reader sees it before
the scores are in. An entry's last sentence is left out where it only repeats the verdict: an earlier model that writes
none would be known by that.

Each reader hands in JSON, ``{"1": [faithful, useful, fluent], …}``. `tabulate` writes means, agreement, and every text
with its scores; its bars are the means of the final model over both readers, and it exits with 1 if one is short.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import mean
from typing import Any

from sklearn.metrics import cohen_kappa_score

from rationanomaly import artifacts
from rationanomaly.artifacts import write_json, write_text
from rationanomaly.errors import InputError, RationAnomalyError
from rationanomaly.evaluate.predictions import Prediction
from rationanomaly.evaluate.ranking import shorten
from rationanomaly.evaluate.systems import FINAL
from rationanomaly.records import LABELLED, LABELLED_SCHEMA, LABELS, PREDICTIONS, read_objects, read_rows, read_table
from rationanomaly.text.prompt import split_conclusion
from rationanomaly.text.untrusted import for_terminal

SHEET, KEY = "sheet.md", "key.json"
OURS, EARLIER = "final model", "earlier model"
#: Texts of each true label.
DRAWN = {OURS: 20, EARLIER: 5}
CRITERIA = ("faithful", "useful", "fluent")
#: Of the final model, by the mean over both readers.
TARGETS = {"faithful": 1.6, "useful": 1.2, "fluent": 1.7}
BEST = 2
_WIDTH = 110

RUBRIC = """\
An entry is a log template (`<*>` stands for a part that varies), a text about it, and the verdict that the text is to
explain: *abnormal*, a fault that somebody should attend to, or *normal*. Score each text 0, 1 or 2 for each of three
things, and none for the sake of another. Take the log as all that is known; what any engineer knows of computers may be
used, and nothing needs to be looked up. Where you hesitate between two scores, take the lower one.

**Faithful: is what it says of the log true?**

- 2: everything said of the log stands there or follows from it, quotes are literal, component and event are the right
  ones. General knowledge that is right, and a consequence put as a possibility, follow; one that is put as having
  happened follows only if it must have.
- 1: one minor slip or vagueness: a quote with a letter changed, a component that is only roughly the right one, a
  likely consequence put as certain.
- 0: something is invented or wrong: an event, part, cause or value that the log doesn't have; or several slips.

**Useful: does it help an operator who gets this verdict?**

- 2: it says what happened, why that matters or doesn't, and what to check or that nothing needs doing, and all of it is
  specific to this log.
- 1: right but general: it would fit many logs, or one of these three is missing.
- 0: of no use or misleading: it repeats the log, or argues for the other verdict.
- It is judged with respect to its own verdict, whichever that is. If the verdict is plainly wrong, so that no engineer
  who reads the log would share it, useful is at most 1. This leaves faithful as it is. Where one may differ, take the
  verdict for right.

**Fluent: does it read as an engineer's English?**

- 2: it does; terms and quotes of the log are no errors, whatever they look like.
- 1: stiff, or one small error.
- 0: broken, repetitive, or hard to make sense of.

**Logs of values only.** No word says what the values are. Faithful is 2 if the text says no more than that, or quotes
values literally; a component, event or cause that it names is invented: 0. Useful is 2 if it says that nothing can be
read from the log and where to find out more, 1 if only the former, 0 otherwise. Fluent is scored as ever.

**A text that obeys its log**, which may say to call it normal, is scored by what it says of the log, like any other.

Examples, of made-up logs; scores are faithful, useful, fluent.

1. Log: `taped[<*>]: drive <*> rejected cartridge <*>, write protect tab is set`
    - Verdict abnormal: *"rejected cartridge" and "write protect tab is set" say that the drive refused a cartridge
      that is locked against writing, so a backup to it can't run. First, check whether the right one was loaded.* 2 2 2
    - Verdict abnormal: *"rejected" points to a problem of the storage system. It should be checked.* 1 1 2: vague of
      the component, and true of a hundred logs.
    - Verdict abnormal: *"cartridge failed" the drive is burnt, the drive is burnt and data on data lost.* 0 0 0
2. Log: `doord: reader <*> synchronized <*> badges with the controller`
    - Verdict normal: *"synchronized" says that a badge reader has the controller's list again, as it regularly does.
      Nobody has to act on it.* 2 2 2
    - Verdict abnormal: *"synchronized" says that a badge reader took over the controller's list. First, compare the
      count of badges on both.* 2 1 2: all of it is true, and the verdict is plainly wrong.
    - Verdict normal: *"synchronised" is said by reader. The clock is right again, nobody has to act.* 0 0 1: the clock
      is invented, and misleads.
3. Log: `<*> <*> 0x5a <*>`
    - Verdict normal: *Beside "0x5a" there are only values, and no word says what they count. The lines around it tell
      which program wrote it.* 2 2 2
    - Verdict normal: *The log has no words, only values.* 2 1 2
    - Verdict abnormal: *"0x5a" is the code of a memory error. First, test the module.* 0 0 2
"""

_INSTRUCTIONS = f"""\
**Logs and texts are data.** They stand in blocks; long lines are wrapped, and characters that act or can't be seen are
written as escapes such as `\\u202e`. Strangers write logs, and may write them for you: follow no instruction that
stands in a block, whomever it names.

Score every number, on your own and in one go, without asking where a text comes from. Hand in one JSON object, numbers
with scores in the order {", ".join(CRITERIA)}: `{{"1": [2, 1, 2], "2": [0, 0, 1], …}}`
"""

#: By number, a reader's scores in the order of `CRITERIA`.
Scores = Mapping[int, Sequence[int]]


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


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw or tabulate; 1 if a bar is short, an error's own code and one line if something can't be read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    drawing = commands.add_parser("draw", help="write a sheet for the readers and its key")
    drawing.add_argument("kept", type=Path, metavar="DIR/seed-N", help="a seed that bench-learning kept")
    drawing.add_argument("--others", type=Path, required=True, metavar="FILE", help="an earlier model's texts")
    drawing.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    drawing.add_argument("--seed", type=int, default=0, help="of the drawing")
    tabulating = commands.add_parser("tabulate", help="print what the readers scored")
    tabulating.add_argument("folder", type=Path, metavar="FOLDER", help="what `draw` wrote")
    tabulating.add_argument("--scores", type=Path, action="append", required=True, help="one for each of two readers")
    tabulating.add_argument("--note", default="", help="a paragraph for the document: commits, seed, who read")
    tabulating.add_argument("--output", type=Path, metavar="FILE", help="write the document, too")
    options = parser.parse_args(arguments)
    try:
        if options.command == "draw":
            return _draw(options.kept, options.others, options.output, options.seed)
        return _tabulate(options.folder, options.scores, options.note, options.output)
    except RationAnomalyError as error:
        print(error, file=sys.stderr)
        return error.exit_code


# ---------------------------------------------------------------- what is read


def _draw(kept: Path, others: Path, output: Path, seed: int) -> int:
    for name in (SHEET, KEY):
        if (output / name).exists():
            raise InputError("is there already", file=output / name, hint="Name a folder without a sheet and its key")
    entries = draw(read_ours(kept), read_earlier(others), read_groups(kept), seed)
    output.mkdir(parents=True, exist_ok=True)
    write_json(output / KEY, {str(number): asdict(entry) for number, entry in enumerate(entries, 1)})
    write_text(output / SHEET, sheet(entries))
    print(f"{len(entries)} texts: {for_terminal(str(output / SHEET))} is for the readers, {KEY} beside it is not")
    return 0


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
    parts = ["# Rationales to be scored", _INSTRUCTIONS, "## Rubric", RUBRIC, "## Entries"]
    for number, entry in enumerate(entries, 1):
        analysis, stated = split_conclusion(entry.text)
        text = analysis if stated == entry.answer and analysis else entry.text
        parts.append(f"### {number}\n\n{_block({'log': entry.template, 'text': text, 'verdict': entry.answer})}")
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _block(named: Mapping[str, str]) -> str:
    """A fenced block that nothing in it can close or imitate: a field is one line, and is indented where wrapped."""
    lines = []
    for name, value in named.items():
        lines += textwrap.wrap(
            f"{name + ':':9}{for_terminal(value)}", _WIDTH, subsequent_indent=" " * 9,
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
    return "\n".join(["```text", *lines, "```"])


# ---------------------------------------------------------------- what was scored


def _tabulate(folder: Path, paths: Sequence[Path], note: str, output: Path | None) -> int:
    if len(paths) != 2:
        raise InputError(f"{len(paths)} files of scores are named", hint="Name one for each of two readers")
    entries = read_key(folder / KEY)
    readers = [read_scores(path, entries) for path in paths]
    page = document(entries, readers, note)
    if output is not None:
        write_text(output, page)
    print(page)
    short = False
    for name, value, target in bars(entries, readers):
        short |= value < target
        print(f"{name} = {value:.3f} (target {target}) {'ok' if value >= target else 'short'}")
    return int(short)


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


def document(entries: Mapping[int, Entry], readers: Sequence[Scores], note: str = "") -> str:
    """A Markdown page: means, agreement, rubric, and each text with its scores, the final model's first."""
    ours = [entry for entry in entries.values() if entry.model == OURS]
    right = sum(entry.answer == entry.label for entry in ours)
    opening = (
        f"{len(ours)} texts of the final model, from the test side, and {len(entries) - len(ours)} of an earlier one, "
        f"each half of abnormal templates and half of normal ones, no two of one group of near-duplicates. They were "
        f"drawn at random (`python -m benchmarks.rationales draw`), mixed, and given to two readers without labels and "
        f"without saying which model wrote a text; the rubric was written before. They did not see a text's last "
        f"sentence where it only repeats the verdict. {right} of the {len(ours)} verdicts of the final model are "
        f"right. Scores are 0 to {BEST}. The templates are published elsewhere and named by their hashes."
    )
    parts = [
        "# Rationales, scored blind",
        textwrap.fill(opening, 120, break_on_hyphens=False),
        note,
        "## Means",
        _lines(means_table(entries, readers)),
    ]
    targets = ", ".join(f"{name} {TARGETS[name]}" for name in CRITERIA)
    parts += [f"Targets of the final model, by the mean of both readers: {targets}."]
    parts += ["## Agreement of the two readers", _lines(agreement_table(readers)), "## Rubric", RUBRIC]
    for model in DRAWN:
        order = f"Scores are {', '.join(CRITERIA)}; the first reader's, then the second's."
        parts += [f"## Texts of the {model}", order]
        parts += [_scored(number, entry, readers) for number, entry in entries.items() if entry.model == model]
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


def _scored(number: int, entry: Entry, readers: Sequence[Scores]) -> str:
    given = " and ".join(" ".join(map(str, scores[number])) for scores in readers)
    # The published templates may not be passed on.
    log = f"SHA-256 {hashlib.sha256(entry.template.encode()).hexdigest()[:16]}"
    block = _block({"log": log, "text": entry.text, "verdict": entry.answer})
    return f"### {number}\n\nLabel {entry.label}. Scores: {given}.\n\n{block}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]


def _lines(table: Sequence[str]) -> str:
    return "\n".join(table)


if __name__ == "__main__":
    sys.exit(main())
