"""What lies on the reviewers' desk: templates in order of suspicion, the ledger, and who may see what.

The rules of the rounds live here and not in the pages. Independent review is blind: a member sees nobody else's vote
on a template before having voted on it. A decision counts once it is on the disk.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import median
from threading import RLock
from typing import Literal, get_args

import polars as pl

from rationanomaly.decisions.appending import append_decisions
from rationanomaly.decisions.labels import Resolution, assign, resolve
from rationanomaly.decisions.ledger import (
    CATEGORIES,
    VOTES,
    WITHDRAWN,
    Category,
    Decision,
    Round,
    Vote,
    read_ledger,
    read_time,
)
from rationanomaly.decisions.reviewer_name import file_of, reviewer_name
from rationanomaly.errors import InputError
from rationanomaly.records import Label
from rationanomaly.review.order import Place

Show = Literal["all", "open", "mine", "normal", "abnormal"]
FILTERS: tuple[Show, ...] = get_args(Show)

#: A longer gap between two decisions is a break and says nothing about the pace.
_BREAK_SECONDS = 180.0
_PACE_OVER = 50
_FOUND = 200


@dataclass(frozen=True)
class Member:
    """Somebody at the desk. Seniors settle what the panel could not.

    Raises:
        InputError: the name is none.
    """

    name: str
    senior: bool = False

    def __post_init__(self) -> None:
        """Take the name as the ledger gives it back."""
        object.__setattr__(self, "name", reviewer_name(self.name))


@dataclass(frozen=True)
class Item:
    """One template on the desk.

    Attributes:
        number: 1-based place in the order of review.
        row: its row in the table.
        key: what it is called in addresses.
        template_id: of its text; several data sets can have the same.
        template: its text.
        dataset: where it comes from.
        label: what the log's own tags said.
        lines: how many lines it stands for.
        reason: why it stands where it stands.
    """

    number: int
    row: int
    key: str
    template_id: str
    template: str
    dataset: str
    label: Label | None
    lines: int
    reason: str


@dataclass(frozen=True)
class Progress:
    """How far a member is; ``seconds_left`` is None until there is a pace to go by."""

    done: int
    total: int
    seconds_left: float | None


class NotAllowed(Exception):  # noqa: N818 - an answer to a request, not a fault of the program
    """A decision that the rules of the rounds don't let this member take, in words."""


class Desk:
    """The state behind the review page; safe to use from several threads and beside other processes.

    Args:
        templates: the table of the step `parse`.
        ledger: the file that decisions are appended to, or a folder that gets one file per reviewer.
        order: in which the templates are reviewed; those that it lacks follow as they stand in the table.
        better_order: works out, in its time, the order that `settle_order` puts in place of ``order``.
        clock: what time it is.

    Raises:
        InputError: there are no templates.
    """

    def __init__(
        self,
        templates: pl.DataFrame,
        ledger: Path,
        order: Sequence[Place] = (),
        better_order: Callable[[], Sequence[Place]] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if templates.is_empty():
            raise InputError("there are no templates to review", hint="Run `rationanomaly parse` on a log first")
        self._templates, self._ledger, self._clock = templates, ledger, clock
        self._lock = RLock()
        if not ledger.is_dir():
            append_decisions(ledger, [])
        self._better_order = better_order
        self._rows = templates.select("template_id", "template", "dataset", "label", "lines").rows()
        self._keys = _keys(row[0] for row in self._rows)
        self._take_order(order)
        self._labels: list[Label | None] = templates["label"].to_list()
        self._votes: list[dict[tuple[str, Round], Decision]] = []
        self._resolutions: list[Resolution] = [resolve(label, ()) for label in self._labels]
        self._split = [False] * len(self._rows)
        self._times: dict[str, list[datetime]] = {}
        self._size = -1
        self.version = 0
        self.refresh()

    def refresh(self) -> None:
        """Take in what other processes have written since; free when nothing was."""
        with self._lock:
            size = self._bytes()
            if size != self._size:
                assigned, _ = assign(read_ledger(self._ledger), self._templates)
                self._votes = [{(one.reviewer, one.round): one for one in mine} for mine in assigned]
                self._times = {}
                for row, mine in enumerate(assigned):
                    self._resolve(row)
                    for one in mine:
                        self._note_time(one)
                self._size, self.version = size, self.version + 1

    def settle_order(self) -> None:
        """Put the better order in place; only the first call works, and reviewing is not interrupted."""
        with self._lock:
            better_order, self._better_order = self._better_order, None
        if better_order is not None:
            order = better_order()
            with self._lock:
                self._take_order(order)

    def item(self, key: str) -> Item | None:
        """The item of that key; None if it isn't on the desk."""
        return self._by_key.get(key)

    def decisions(self, item: Item, round_: Round) -> list[Decision]:
        """All that was decided on an item in a round, oldest first."""
        with self._lock:
            return [one for one in self._votes[item.row].values() if one.round == round_]

    def decision_of(self, member: Member, item: Item, round_: Round) -> Decision | None:
        """A member's own decision; None if there is none or it was withdrawn."""
        with self._lock:
            return self._votes[item.row].get((member.name, round_))

    def resolution(self, item: Item) -> Resolution:
        """What becomes of the item's label by the decisions so far."""
        with self._lock:
            return self._resolutions[item.row]

    def all_decisions(self) -> list[list[Decision]]:
        """The decisions on every item, in the order of `items`."""
        with self._lock:
            return [list(self._votes[item.row].values()) for item in self.items]

    def decide(
        self, member: Member, item: Item, round_: Round, vote: str, category: str | None = None, comment: str = ""
    ) -> None:
        """Record a decision and return when it is on the disk.

        Raises:
            NotAllowed: unknown vote or category, or it isn't this member's turn.
            InfrastructureError: it could not be stored.
        """
        if vote not in VOTES or (category is not None and category not in CATEGORIES):
            raise NotAllowed("This is no decision that the ledger knows.")
        with self._lock:
            self.refresh()
            if round_ == "panel" and not self._disputed(member, item):
                raise NotAllowed("The panel only looks at templates on which its members disagreed.")
            if round_ == "senior" and not (member.senior and self._contested(item)):
                raise NotAllowed("Only a senior settles a dispute, and only where the panel could not.")
            self._record(member, item, round_, _as_vote(vote), _as_category(category), comment)

    def undo(self, member: Member) -> tuple[Item, Round] | None:
        """Take the member's last decision back, by a new line; None if there is nothing to take back.

        The template is open again, even if an earlier decision was replaced by the one taken back: the ledger keeps
        both for those who want to know.
        """
        with self._lock:
            self.refresh()
            mine = [
                (one.time or "", item, one.round)
                for item in self.items
                for one in self._votes[item.row].values()
                if one.reviewer == member.name
            ]
            if not mine:
                return None
            _, item, round_ = max(mine, key=lambda found: found[0])
            self._record(member, item, round_, "unsure", None, WITHDRAWN, withdrawn=True)
            return item, round_

    def next_open(self, member: Member, round_: Round, after: Item | None = None) -> Item | None:
        """The next item that waits for the member in a round, in order and round the end; None if all are done."""
        with self._lock:
            waiting = self._waiting(member, round_)
        behind = [item for item in waiting if after is None or item.number > after.number]
        return behind[0] if behind else (waiting[0] if waiting else None)

    def waiting(self, member: Member, round_: Round) -> int:
        """How many items wait for the member in a round."""
        with self._lock:
            return len(self._waiting(member, round_))

    def beside(self, item: Item, step: int) -> Item:
        """The item ``step`` places on, round the end."""
        return self.items[(item.number - 1 + step) % len(self.items)]

    def progress(self, member: Member) -> Progress:
        """How far the member is in the independent round, and how long the rest takes at the pace of late."""
        with self._lock:
            total, open_ = len(self.items), len(self._waiting(member, "independent"))
            times = sorted(self._times.get(member.name, ()))[-_PACE_OVER:]
        gaps = [(late - early).total_seconds() for early, late in pairwise(times)]
        gaps = [gap for gap in gaps if gap <= _BREAK_SECONDS]
        return Progress(total - open_, total, median(gaps) * open_ if len(gaps) >= 3 else None)

    def find(self, member: Member, text: str, show: Show) -> list[Item]:
        """The first items that hold ``text`` and match the filter; nobody else's votes play a part."""
        wanted = text.strip().casefold()
        found = []
        with self._lock:
            for item in self.items:
                voted = (member.name, "independent") in self._votes[item.row]
                fits = {"all": True, "open": not voted, "mine": voted}.get(show, item.label == show)
                if fits and wanted in item.template.casefold():
                    found.append(item)
                    if len(found) == _FOUND:
                        break
        return found

    def _take_order(self, order: Sequence[Place]) -> None:
        named = {place.row for place in order}
        others = (Place(row, "") for row in range(len(self._rows)) if row not in named)
        items = []
        for number, (row, reason) in enumerate([*order, *others], start=1):
            template_id, template, dataset, label, lines = self._rows[row]
            items.append(Item(number, row, self._keys[row], template_id, template, dataset, label, lines, reason))
        self.items: list[Item] = items
        self._by_key = {item.key: item for item in items}

    def _waiting(self, member: Member, round_: Round) -> list[Item]:
        voted = (member.name, round_)
        match round_:
            case "independent":
                return [item for item in self.items if voted not in self._votes[item.row]]
            case "panel":
                return [
                    item
                    for item in self.items
                    if self._disputed(member, item)
                    and voted not in self._votes[item.row]
                    and not self.decisions(item, "senior")
                ]
            case "senior":
                return [item for item in self.items if member.senior and self.resolution(item).needs == "senior"]

    def _disputed(self, member: Member, item: Item) -> bool:
        """Whether the panel has to look at it, and the member has voted, so that nothing blind is given away."""
        return self._split[item.row] and (member.name, "independent") in self._votes[item.row]

    def _contested(self, item: Item) -> bool:
        return self.resolution(item).needs == "senior" or bool(self.decisions(item, "senior"))

    def _record(
        self, member: Member, item: Item, round_: Round, vote: Vote, category: Category | None, comment: str,
        withdrawn: bool = False,
    ) -> None:  # fmt: skip
        time = self._clock().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        kind = category if vote == "abnormal" else None
        text = item.template
        decision = Decision(
            item.template_id, text, member.name, vote, kind, comment.strip(), time, round_, item.dataset, withdrawn
        )
        written = append_decisions(file_of(self._ledger, member.name), [decision])
        key = (member.name, round_)
        self._votes[item.row].pop(key, None)
        if not decision.withdrawn:
            self._votes[item.row][key] = decision
        self._resolve(item.row)
        self._note_time(decision)
        self.version += 1
        # Another process may have written in between: then the sizes differ, and the next request reads again.
        self._size += written

    def _resolve(self, row: int) -> None:
        """Work out anew how one template stands: its resolution, and whether its independent votes are split."""
        label, votes = self._labels[row], list(self._votes[row].values())
        blind = [one for one in votes if one.round == "independent"]
        self._resolutions[row] = resolution = resolve(label, votes)
        by_votes = resolution if len(blind) == len(votes) else resolve(label, blind)
        self._split[row] = len(blind) >= 2 and by_votes.needs == "panel"

    def _note_time(self, decision: Decision) -> None:
        time = read_time(decision.time) if decision.time else None
        if time is not None:
            self._times.setdefault(decision.reviewer, []).append(time)

    def _bytes(self) -> int:
        files = self._ledger.glob("*.jsonl") if self._ledger.is_dir() else [self._ledger]
        try:
            return sum(file.stat().st_size for file in files)
        except OSError as error:
            hint = "Put it back; what was decided so far is in it"
            raise InputError(f"can't be read: {error.strerror}", file=self._ledger, hint=hint) from error


def _keys(template_ids: Iterable[str]) -> list[str]:
    """A key for each row: the template id; a text that several data sets have gets a number from the second on."""
    times: Counter[str] = Counter()
    keys = []
    for template_id in template_ids:
        times[template_id] += 1
        keys.append(template_id if times[template_id] == 1 else f"{template_id}-{times[template_id]}")
    return keys


def _as_vote(vote: str) -> Vote:
    return next(known for known in VOTES if known == vote)


def _as_category(category: str | None) -> Category | None:
    return next((known for known in CATEGORIES if known == category), None)
