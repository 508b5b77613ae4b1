"""The ledger: every decision that somebody took on the label of a template.

It is append-only JSON Lines: one object a line, the later line of the same reviewer in the same round replaces the
earlier one, nothing is ever deleted. A ledger is a file, or a folder with one file per reviewer, which never
conflicts in git. A published correction patch (a JSON list) is read as decisions of a senior.

A bad line never spoils the good ones: it becomes a `Problem` with its line, and the rest counts.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import TypeAdapter, ValidationError

from rationanomaly import regular_files
from rationanomaly.decisions.reviewer_name import LONGEST_NAME, known_name
from rationanomaly.errors import InputError
from rationanomaly.records import template_id

_log = logging.getLogger(__name__)

Vote = Literal["normal", "abnormal", "unsure"]
Round = Literal["independent", "panel", "senior"]
Category = Literal["system error", "network issue", "hardware failure", "software exception", "other"]

VOTES: tuple[Vote, ...] = get_args(Vote)
#: In the order of their authority: a later round has the last word.
ROUNDS: tuple[Round, ...] = get_args(Round)
CATEGORIES: tuple[Category, ...] = get_args(Category)

#: The comment of an ``unsure`` that takes the reviewer's earlier decision back; the earlier line stays in the ledger.
#: Of a line without the field ``withdrawn``, as older versions wrote them, it alone says so.
WITHDRAWN = "withdrawn"
#: Who a correction patch is from.
PATCH_REVIEWER = "published patch"

#: Bytes of a line, so that a file without line breaks isn't held in memory as one.
_LONGEST_LINE = 16 << 20

#: What is wrong with a line that does not count: code and words, as in `Problem`.
Fault = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision on one template.

    Attributes:
        template_id: which template; see `records.template_id`.
        template: its text when it was decided on.
        reviewer: a name or an id.
        decision: ``unsure`` abstains.
        category: what kind of fault, of an abnormal template.
        comment: why.
        time: ISO 8601; None in a patch.
        round: independent, panel or senior.
        dataset: only decide on this data set's template; None: on all with this text.
        withdrawn: whether it decides nothing and takes back what the reviewer decided before; an ``unsure``.
    """

    template_id: str
    template: str
    reviewer: str
    decision: Vote
    category: Category | None
    comment: str
    time: str | None
    round: Round
    dataset: str | None = None
    withdrawn: bool = False


@dataclass(frozen=True)
class Problem:
    """Something in the ledger that needs a person's eye.

    Attributes:
        file: name of the file inside the ledger.
        line: 1-based line, or entry of a patch.
        code: what kind: not_json, fields, label, round, unknown_template, twice, clock, …
        problem: what is wrong, in words.
        counts: whether the decision counts nevertheless.
    """

    file: str
    line: int
    code: str
    problem: str
    counts: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A decision and where it stands."""

    file: str
    line: int
    decision: Decision


@dataclass(frozen=True)
class Ledger:
    """What was read: the decisions in their order, and what was wrong with the others."""

    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...]


def read_ledger(path: Path) -> Ledger:
    """Read a ledger file, a folder of ledger files or a correction patch; an empty file is an empty ledger.

    Raises:
        InputError: no such file, or a ``.json`` patch that is no JSON list.
        ArtifactError: a device or a pipe.
    """
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    entries: list[Entry] = []
    problems: list[Problem] = []
    for file in files:
        for line, decision in _patch_entries(file) if _is_patch(file) else _lines(file):
            if isinstance(decision, Decision):
                entries.append(Entry(file.name, line, decision))
            else:
                problems.append(Problem(file.name, line, *decision, counts=False))
    problems += _skewed_clocks(entries)
    return Ledger(tuple(entries), tuple(sorted(problems, key=lambda problem: (problem.file, problem.line))))


def warn_of(problems: Iterable[Problem]) -> None:
    """Log how many lines do not count, and the first of them."""
    ignored = [problem for problem in problems if not problem.counts]
    if ignored:
        first = ignored[0]
        _log.warning(
            "%d lines of the ledger do not count; the first: %s:%d: %s",
            len(ignored), first.file, first.line, first.problem,
        )  # fmt: skip


def require_counting(path: Path, ledger: Ledger, problems: Sequence[Problem]) -> None:
    """See to it that a ledger is about what it is used for; an empty one may be.

    Args:
        path: where it was read.
        ledger: what was read.
        problems: the ledger's own, and those that were found in its use.

    Raises:
        InputError: it has lines, and not one of them counts.
    """
    lines = {(entry.file, entry.line) for entry in ledger.entries} | {(one.file, one.line) for one in ledger.problems}
    ignored = [problem for problem in problems if not problem.counts]
    if lines and lines <= {(problem.file, problem.line) for problem in ignored}:
        first = ignored[0]
        problem = f"none of its {len(lines):,} lines counts; the first: {first.file}:{first.line}: {first.problem}"
        hint = "Name the ledger of this log; other tools' files are read by `rationanomaly ledger import`"
        raise InputError(problem, file=path, hint=hint)


def write_decision(decision: Decision) -> str:
    """A decision as one line of a ledger, without its line break."""
    row = asdict(decision)
    if decision.dataset is None:
        del row["dataset"]
    if not decision.withdrawn and not _says_withdrawn(decision.decision, decision.comment):
        del row["withdrawn"]
    return json.dumps(row, ensure_ascii=False)


def read_time(text: str) -> datetime | None:
    """An ISO 8601 time with a zone (none means UTC); None if it is not one."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else datetime.fromisoformat(f"{time.isoformat()}+00:00")


def _is_patch(path: Path) -> bool:
    try:
        with regular_files.opened(path, follow=True) as file:
            return file.read(4096).lstrip()[:1] == b"["
    except (FileNotFoundError, IsADirectoryError) as error:
        hint = "Check data.ledger; an empty file means that nobody has decided anything yet"
        raise InputError("no such ledger", file=path, hint=hint) from error


def _lines(path: Path) -> Iterator[tuple[int, Decision | Fault]]:
    """The decisions of a JSON Lines file with their line numbers."""
    with regular_files.opened(path, follow=True) as file:
        for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE), b""), start=1):
            whole = len(line) < _LONGEST_LINE or line.endswith(b"\n")
            if not whole:
                yield number, ("fields", f"is longer than {_LONGEST_LINE:,} bytes")
                while len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
                    line = file.readline(_LONGEST_LINE)
            elif line.strip():
                yield number, _read_line(line)


def _read_line(line: bytes) -> Decision | Fault:
    """The decision of one line, or its fault."""
    try:
        # Six times as fast as looking at each field, and what it takes, `_examine` takes too.
        decision = _strict().validate_json(line, strict=True)
    except ValidationError:
        return _examine(line)
    plain = known_name(decision.reviewer) == decision.reviewer and not decision.withdrawn
    if plain and not _says_withdrawn(decision.decision, decision.comment):
        return _fault_of(decision) or decision
    return _examine(line)


@cache
def _strict() -> TypeAdapter[Decision]:
    return TypeAdapter(Decision)


def _examine(line: bytes) -> Decision | Fault:
    """What a line is that has not all fields, or not those that it should have."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        cut = not line.endswith(b"\n")
        return ("truncated", "the last line was cut off") if cut else ("not_json", "is not JSON")
    return _decision(row) if isinstance(row, dict) else ("not_json", "is not a JSON object")


def _patch_entries(path: Path) -> Iterator[tuple[int, Decision | Fault]]:
    """The entries of a correction patch as decisions, with their numbers."""
    try:
        entries = json.loads(regular_files.read_named(path))
    except (ValueError, RecursionError) as error:
        hint = "Fetch the patch again, or write decisions as JSON Lines"
        raise InputError("starts like a correction patch but is no JSON list", file=path, hint=hint) from error
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, dict) or not isinstance(entry.get("template"), str):
            yield number, ("fields", "is no object with a `template`")
            continue
        row = {
            "template_id": template_id(entry["template"]),
            "template": entry["template"],
            "reviewer": PATCH_REVIEWER,
            "decision": entry.get("corrected"),
            "category": entry.get("category"),
            "comment": f"was {entry['label']}" if isinstance(entry.get("label"), str) else "",
            "time": None,
            "round": "senior",
            "dataset": entry.get("dataset"),
        }
        yield number, _decision(row)


def _decision(row: Mapping[str, Any]) -> Decision | Fault:
    """A decision from its fields, of which some may be missing or of the wrong kind."""
    if not _is_text("".join(value for value in row.values() if isinstance(value, str))):
        return "fields", "holds half a character (a lone surrogate)"
    missing = [key for key in ("template_id", "reviewer", "decision", "round") if not isinstance(row.get(key), str)]
    if missing:
        return "fields", f"has no text in {', '.join(f'`{key}`' for key in missing)}"
    for key, code, known in (("decision", "label", VOTES), ("round", "round", ROUNDS)):
        if row[key] not in known:
            return code, f"unknown {key} {row[key][:40]!r}; known: {', '.join(known)}"
    category, time = row.get("category"), row.get("time")
    if category is not None and category not in CATEGORIES:
        return "category", f"unknown category {str(category)[:40]!r}; known: {', '.join(CATEGORIES)}"
    if time is not None and not isinstance(time, str):
        return "time", f"the time {str(time)[:40]!r} is not ISO 8601"
    comment = row["comment"] if isinstance(row.get("comment"), str) else ""
    withdrawn = row.get("withdrawn", _says_withdrawn(row["decision"], comment))
    if not isinstance(withdrawn, bool) or (withdrawn and row["decision"] != "unsure"):
        return "fields", "`withdrawn` is true or false, and true of an unsure alone"
    name = known_name(row["reviewer"])
    if name is None:
        return "fields", f"names no reviewer: 1 to {LONGEST_NAME} visible characters"
    decision = Decision(
        template_id=row["template_id"],
        template=row["template"] if isinstance(row.get("template"), str) else "",
        reviewer=name,
        decision=row["decision"],
        category=category,
        comment=comment,
        time=time,
        round=row["round"],
        dataset=row["dataset"] if isinstance(row.get("dataset"), str) else None,
        withdrawn=withdrawn,
    )
    # Without a text the id is taken at its word.
    return _fault_of(decision) or decision


def _fault_of(decision: Decision) -> Fault | None:
    """What is wrong with a decision whose fields are all there and of the right kind."""
    if decision.time is not None and read_time(decision.time) is None:
        return "time", f"the time {decision.time[:40]!r} is not ISO 8601"
    if decision.template and template_id(decision.template) != decision.template_id:
        return "identity", "`template_id` is not the id of `template`: one of them was changed"
    return None


def _says_withdrawn(decision: str, comment: str) -> bool:
    return decision == "unsure" and comment == WITHDRAWN


def _is_text(value: str) -> bool:
    """JSON can name halves of characters that no file and no table can hold."""
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _skewed_clocks(entries: Iterable[Entry]) -> list[Problem]:
    """Lines of one reviewer in one file whose time is before that of the line above. They count, in file order."""
    problems = []
    newest: dict[tuple[str, str], datetime] = {}
    for entry in entries:
        time = read_time(entry.decision.time) if entry.decision.time else None
        if time is None:
            continue
        key = (entry.file, entry.decision.reviewer)
        before = newest.setdefault(key, time)
        if time < before:
            problem = f"{entry.decision.reviewer}'s clock went back by {before - time}; the order of lines counts"
            problems.append(Problem(entry.file, entry.line, "clock", problem, counts=True))
        else:
            newest[key] = time
    return problems
