"""Of several that promote at once the better one does, and the alias moves once.

MLflow's log of promotions (`promotion_log`) lets one of two count that saw the same champion: the faster. So that it is
the better one, a promoter whose version has passed the gates writes a *proposal* into the log first, and leaves others
a few seconds to write theirs. Then each sees all of them. The best goes ahead; the others wait until it has, and are
refused. One that died meanwhile is waited for no longer than any writer is, and then passed over.

Who writes its proposal when another has gone ahead was not there at once: it is held against the new champion.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rationanomaly.register import promotion_log
from rationanomaly.register.promotion_log import Chain, Entry, PromotionLog
from rationanomaly.register.tags import HEADLINE, is_better_lower

if TYPE_CHECKING:
    from collections.abc import Sequence

logger = logging.getLogger(__name__)

#: Seconds in which proposals are waited for; of the registry's clock, after which one is of another day.
_WINDOW, _FRESH = 3.0, 120.0
_METRICS, _WITHDRAWN = "metrics", "withdrawn"


@dataclass(frozen=True)
class Turn:
    """Whose turn it is.

    Attributes:
        is_ours: nobody moved the alias, and whoever is better is dead.
        winner: the proposal that was promoted in the same moment and is at least as good; None: there is none.
    """

    is_ours: bool
    winner: Entry | None = None


@contextmanager
def proposed(
    log: PromotionLog, chain: Chain, version: str, held: str | None, metrics: Mapping[str, float]
) -> Iterator[Entry]:
    """Write a proposal; it is withdrawn at the end.

    Args:
        log: of the alias.
        chain: as it was when the gates were checked.
        version: that passed them.
        held: version that has the alias.
        metrics: by which it is compared with others (`gates.compared`).
    """
    from mlflow.exceptions import MlflowException

    entry = log.append("proposed", chain, version, held, {_METRICS: json.dumps(metrics)})
    try:
        yield entry
    finally:
        try:
            log.mark(entry, _WITHDRAWN)
        except MlflowException as error:
            logger.debug("the proposal %d was not withdrawn: %s", entry.number, error)


def await_turn(log: PromotionLog, chain: Chain, own: Entry) -> Turn:
    """Wait until it is clear who goes ahead.

    Args:
        log: of the alias.
        chain: that the proposal follows.
        own: the proposal.
    """
    window = time.monotonic() + _WINDOW
    deadline = window + promotion_log._PATIENCE
    seen: dict[int, Entry] = {}
    while True:
        entries = log.entries()
        seen |= {one.number: one for one in entries if _is_rival(one, own)}
        now = Chain.of(entries)
        if now.number != chain.number:
            promoted = None if now.head is None or now.head.kind != "promoted" else now.head.version
            winners = (one for one in seen.values() if one.version == promoted and is_better(one, own))
            return Turn(is_ours=False, winner=next(winners, None))
        better = [one for one in seen.values() if is_better(one, own) and not _is_withdrawn(one)]
        passed = time.monotonic()
        if passed >= deadline or (passed >= window and not better):
            # Entries are no snapshot: who is better and has withdrawn may have been promoted while they were read.
            if log.read().number == chain.number:
                return Turn(is_ours=True)
            continue
        time.sleep(promotion_log._PAUSE)


def is_better(one: Entry, other: Entry) -> bool:
    """Whether a proposal goes before another: by the first metric of both in which they differ, else by its number."""
    ours, theirs = _metrics(one), _metrics(other)
    for metric in _ordered(ours.keys() & theirs.keys()):
        if ours[metric] != theirs[metric]:
            return (ours[metric] < theirs[metric]) is is_better_lower(metric)
    return one.number < other.number


def sentence(winner: Entry, own: Entry) -> str:
    """Why the other one was promoted."""
    ours, theirs = _metrics(own), _metrics(winner)
    differ = next((one for one in _ordered(ours.keys() & theirs.keys()) if ours[one] != theirs[one]), None)
    why = (
        "and is as good" if differ is None else f"and is better: {differ} {theirs[differ]:.4g}, here {ours[differ]:.4g}"
    )
    return f"version {winner.version} was promoted in the same moment, {why}"


def _is_rival(entry: Entry, own: Entry) -> bool:
    if entry.kind != "proposed" or entry.after != own.after or entry.number == own.number:
        return False
    return entry.version != own.version and abs(entry.created - own.created) <= _FRESH


def _is_withdrawn(entry: Entry) -> bool:
    return _WITHDRAWN in entry.tags


def _ordered(metrics: set[str]) -> Sequence[str]:
    """The headline first, for policies differ."""
    return sorted(metrics, key=lambda metric: (metric != HEADLINE, metric))


def _metrics(entry: Entry) -> Mapping[str, float]:
    try:
        found = json.loads(entry.tags.get(_METRICS, "{}"))
    except (ValueError, RecursionError):  # Who edits tags may write anything.
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: float(value) for key, value in found.items() if isinstance(value, int | float)}
