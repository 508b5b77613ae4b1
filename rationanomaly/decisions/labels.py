"""From decisions to labels: who decided what about each template, in which round, and what is still open.

Round by round, as in the paper: everybody decides alone; where they disagree a panel looks at it together; where the
panel disagrees a senior decides. A later round has the last word; within a round the majority of the reviewers'
newest votes has it; ``unsure`` abstains. Without a majority the original label stays and the template stays open.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from rationanomaly.decisions.ledger import ROUNDS, Decision, Entry, Ledger, Problem, Round, read_time
from rationanomaly.records import Label

#: Characters of a comment in a label's history; the ledger keeps all of it.
_COMMENT = 500


@dataclass(frozen=True)
class Resolution:
    """What became of the label of one template.

    Attributes:
        label: the corrected label; the original one if nobody decided; None if there is neither.
        original: the original label; None where the log has no tags.
        category: of the fault, by the reviewers who carried the decision; None if none was stated.
        decided_in: the round that had the last word; None if there is no decision.
        needs: the round that has to look at it next; None if it is settled.
        reason: why it is open, in words; empty if it is settled.
        decisions: all that count, oldest first.
    """

    label: Label | None
    original: Label | None
    category: str | None
    decided_in: Round | None
    needs: Round | None
    reason: str
    decisions: tuple[Decision, ...] = field(default=())

    @property
    def corrected(self) -> bool:
        """Whether the label was changed from what the log said."""
        return self.original is not None and self.label != self.original


def assign(ledger: Ledger, templates: pl.DataFrame) -> tuple[list[list[Decision]], list[Problem]]:
    """Give each template its decisions.

    A decision follows its template when mining has generalised it since (``supersedes``). Of several decisions of
    one reviewer in one round the last line counts; one that was withdrawn is gone.

    Args:
        ledger: what was read.
        templates: the table of the step ``parse``.

    Returns:
        the decisions of each row of ``templates`` in ledger order, and what was wrong.
    """
    rows = _rows_by_id(templates)
    datasets: list[str] = templates["dataset"].to_list()
    newest: list[dict[tuple[str, Round], Entry]] = [{} for _ in datasets]
    problems = []
    for entry in ledger.entries:
        decision = entry.decision
        wanted = decision.dataset
        mine = [row for row in rows.get(decision.template_id, ()) if wanted is None or datasets[row] == wanted]
        if not mine:
            text = " ".join(decision.template.split())[:60] or decision.template_id
            problem = f"no such template: {text!r}"
            problems.append(Problem(entry.file, entry.line, "unknown_template", problem, counts=False))
        for row in mine:
            key = (decision.reviewer, decision.round)
            earlier = newest[row].pop(key, None)
            if decision.withdrawn:
                continue
            if earlier is not None and earlier.decision != decision:
                before = f"{earlier.file}:{earlier.line}"
                problem = f"{decision.reviewer} decided this template before, in {before}; this line counts"
                problems.append(Problem(entry.file, entry.line, "twice", problem, counts=True))
            newest[row][key] = entry
    for mine_of_row in newest:
        if len({entry.decision.round for entry in mine_of_row.values()}) > 1:
            problems += _out_of_order(mine_of_row.values())
    return [[entry.decision for entry in mine_of_row.values()] for mine_of_row in newest], problems


def resolve(original: Label | None, decisions: Sequence[Decision]) -> Resolution:
    """The resolution of one template from its decisions.

    Args:
        original: what the log's own tags said.
        decisions: at most one for each reviewer and round, as `assign` leaves them.
    """
    ordered = tuple(sorted(decisions, key=lambda decision: ROUNDS.index(decision.round)))
    for round_ in reversed(ROUNDS):
        votes = [decision for decision in decisions if decision.round == round_]
        label = _last_word(votes) if round_ == "senior" else _majority(votes)
        if label is None and not votes:
            continue
        needs, reason = _still_open(round_, label, votes)
        if label is None and round_ != "independent":
            # The panel is at odds: until a senior decides, what the round before said stands.
            below = resolve(original, [decision for decision in decisions if decision.round != round_])
            return Resolution(below.label, original, below.category, below.decided_in, needs, reason, ordered)
        decided = label is not None
        return Resolution(
            label=label or original,
            original=original,
            category=_category(votes, label),
            decided_in=round_ if decided else None,
            needs=needs,
            reason=reason,
            decisions=ordered,
        )
    if original is None:
        return Resolution(None, None, None, None, "independent", "no label and no decision")
    return Resolution(original, original, None, None, None, "")


def describe(decision: Decision) -> str:
    """A decision as one readable line of a label's history."""
    parts = [decision.time or "", f"{decision.round}:", f"{decision.reviewer} said {decision.decision}"]
    if decision.category:
        parts.append(f"({decision.category})")
    if decision.comment:
        parts.append(f"- {' '.join(decision.comment.split())[:_COMMENT]}")
    return " ".join(part for part in parts if part)


def _rows_by_id(templates: pl.DataFrame) -> Mapping[str, list[int]]:
    """Row numbers by template id, superseded ids included; an id that is current wins over a superseded one."""
    current: dict[str, list[int]] = defaultdict(list)
    former: dict[str, list[int]] = defaultdict(list)
    for row, (identity, supersedes) in enumerate(templates.select("template_id", "supersedes").iter_rows()):
        current[identity].append(row)
        for old in supersedes or ():
            former[old].append(row)
    return {**former, **current}


def _majority(votes: Sequence[Decision]) -> Label | None:
    stated = [vote.decision for vote in votes]
    normal, abnormal = stated.count("normal"), stated.count("abnormal")
    return None if normal == abnormal else "abnormal" if abnormal > normal else "normal"


def _last_word(votes: Sequence[Decision]) -> Label | None:
    stated = [vote.decision for vote in votes if vote.decision != "unsure"]
    return stated[-1] if stated else None


def _still_open(round_: Round, label: Label | None, votes: Sequence[Decision]) -> tuple[Round | None, str]:
    """Which round has to look next, and why."""
    stated = {vote.decision for vote in votes} - {"unsure"}
    split = ", ".join(f"{vote.reviewer}: {vote.decision}" for vote in votes)
    if round_ == "independent" and (len(stated) > 1 or label is None):
        return "panel", f"reviewers disagree or are unsure ({split})"
    if round_ == "panel" and label is None:
        return "senior", f"the panel is at odds ({split})"
    if round_ == "senior" and label is None:
        return "senior", f"the senior could not say ({split})"
    return None, ""


def _category(votes: Iterable[Decision], label: Label | None) -> str | None:
    """The category named most often by those who carried the decision; the first named of equals."""
    named = Counter(vote.category for vote in votes if vote.decision == label and vote.category)
    return max(named, key=named.__getitem__) if named else None


def _out_of_order(entries: Iterable[Entry]) -> list[Problem]:
    """Decisions of a later round that bear an earlier time than those they resolve."""
    found = []
    newest_below: dict[int, str] = {}
    timed = [entry for entry in entries if entry.decision.time]
    for entry in sorted(timed, key=lambda entry: ROUNDS.index(entry.decision.round)):
        rank, time = ROUNDS.index(entry.decision.round), read_time(entry.decision.time or "")
        below = [read_time(newest_below[lower]) for lower in newest_below if lower < rank]
        if time and any(other and other > time for other in below):
            problem = f"a decision of the {entry.decision.round} round is older than one that it resolves; rounds count"
            found.append(Problem(entry.file, entry.line, "clock", problem, counts=True))
        if rank not in newest_below or (entry.decision.time or "") > newest_below[rank]:
            newest_below[rank] = entry.decision.time or ""
    return found
