"""Precedents: what experts have decided holds at once in `detect`, without retraining.

A decision counts once it is settled: the round that had the last word has a label, and no further round has to look
at it (`correct.labels`). Labels that nobody decided, such as alert tags, are no precedents, although models learn from
them. A precedent holds for its template and for near-duplicates in a strict sense (`near_duplicates`); wider senses
are wrong too often for a verdict that bears an expert's name (`make bench-precedents`, docs/detect.md).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from rationanomaly.decisions.labels import Resolution, assign, resolve
from rationanomaly.decisions.ledger import Decision, Ledger, read_time
from rationanomaly.records import PRECEDENTS, Precedent, read_rows, template_id
from rationanomaly.text.similarity import LONGEST, PairSimilarity, wording

#: From this similarity on (`similarity.PairSimilarity`) texts of the same words are near-duplicates, as in a split.
SAME_WORDS = 0.8
#: From this similarity on one word may be too many.
ONE_WORD_MORE = 0.95
#: Rounding must not part precedents that are equally near.
_EPSILON = 1e-9


Words = tuple[str, ...]


@dataclass(frozen=True)
class Citation:
    """A precedent and how similar its template is to the one in question, in [0, 1]; 1 for the template itself."""

    precedent: Precedent
    similarity: float


class Precedents:
    """An index of precedents by template and by similarity."""

    def __init__(self, precedents: Iterable[Precedent] = ()) -> None:
        self.all = tuple(precedents)
        self._by_id: dict[str, list[Precedent]] = defaultdict(list)
        for precedent in self.all:
            self._by_id[precedent.template_id].append(precedent)
        self._compared = [one for one in self.all if one.template and len(one.template) <= LONGEST]

    @cached_property
    def _similarity(self) -> PairSimilarity:
        return PairSimilarity([precedent.template for precedent in self._compared])

    def find(self, template: str) -> Citation | None:
        """The precedent for a template: its own, else the most similar near-duplicate's.

        None where there is none, or where equally similar ones disagree: then it is for the model to say.
        """
        own = self._by_id.get(template_id(template))
        if own is not None:
            return _agreed(own, 1.0)
        if not self._compared or len(template) > LONGEST:
            return None
        found = self._similarity.to(template)
        words = wording(template)
        near = [
            (float(found[place]), self._compared[place])
            for place in np.flatnonzero(found >= SAME_WORDS - _EPSILON)
            if near_duplicates(words, wording(self._compared[place].template), float(found[place]))
        ]
        best = max((similarity for similarity, _ in near), default=0.0)
        return _agreed([precedent for similarity, precedent in near if similarity >= best - _EPSILON], best)

    def under(self, ledger: Ledger) -> Precedents:
        """These with a newer ledger laid over them: for the templates that it names, it alone counts."""
        named = {entry.decision.template_id for entry in ledger.entries}
        texts = {precedent.template_id: precedent.template for precedent in self.all}
        kept = [precedent for precedent in self.all if precedent.template_id not in named]
        return Precedents([*kept, *_of_ledger(ledger, texts)])


def near_duplicates(one: Words, other: Words, similarity: float) -> bool:
    """Whether an expert's decision on one text holds for the other.

    It does if they have the same words in the same order, so that only values and signs differ, or if one has one word
    more and they are next to equal all the same. A word exchanged ("link up", "link down") makes another message.

    Args:
        one, other: the `similarity.wording` of each.
        similarity: of the two, by `similarity.PairSimilarity`.
    """
    if one == other:
        return similarity >= SAME_WORDS - _EPSILON
    shorter, longer = sorted((one, other), key=len)
    if len(longer) - len(shorter) != 1 or similarity < ONE_WORD_MORE - _EPSILON:
        return False
    place = next((k for k, word in enumerate(shorter) if word != longer[k]), len(shorter))
    return shorter[place:] == longer[place + 1 :]


def settled(identity: str, template: str, resolution: Resolution) -> Precedent | None:
    """The precedent that the decisions on a template make; None if nobody decided it or it is still open."""
    if resolution.decided_in is None or resolution.needs is not None or resolution.label is None:
        return None
    carried = [d for d in resolution.decisions if d.round == resolution.decided_in and d.decision == resolution.label]
    names = list(dict.fromkeys(decision.reviewer for decision in carried))
    return Precedent(identity, template, resolution.label, names, resolution.decided_in, _newest_time(carried))


def without_test_side(precedents: Iterable[Precedent], labelled: pl.DataFrame) -> list[Precedent]:
    """The precedents that a model folder may hold: on a tested template, the model would be asked to recite."""
    tested = set(labelled.filter(pl.col("split") == "test")["template_id"])
    return [precedent for precedent in precedents if precedent.template_id not in tested]


def read_precedents(folder: Path) -> Precedents:
    """Those of a model folder; none where it has none, as the output of `base`."""
    path = folder / PRECEDENTS
    return Precedents(read_rows(path, Precedent, typed=True) if path.is_file() else ())


def _agreed(precedents: Sequence[Precedent], similarity: float) -> Citation | None:
    if len({precedent.label for precedent in precedents}) != 1:
        return None
    return Citation(precedents[0], similarity)


def _of_ledger(ledger: Ledger, texts: Mapping[str, str]) -> list[Precedent]:
    """The settled templates of a ledger by itself, without a table of templates.

    Args:
        ledger: what was read.
        texts: known templates by id, for decisions that name only an id.
    """
    rows: dict[tuple[str, str | None], str] = {}
    for entry in ledger.entries:
        key = (entry.decision.template_id, entry.decision.dataset)
        rows[key] = entry.decision.template or rows.get(key, "") or texts.get(key[0], "")
    bound = {identity for identity, dataset in rows if dataset is not None}
    # A decision for all data sets also counts in each that another decision is bound to.
    keys = [(identity, dataset or "") for identity, dataset in rows if dataset is not None or identity not in bound]
    schema = {"template_id": pl.String(), "dataset": pl.String()}
    table = pl.DataFrame(keys, schema=schema, orient="row").with_columns(
        supersedes=pl.lit([], dtype=pl.List(pl.String()))
    )
    decisions, _ = assign(ledger, table)
    found = []
    for (identity, dataset), mine in zip(keys, decisions, strict=True):
        text = rows.get((identity, dataset or None)) or rows.get((identity, None), "")
        precedent = settled(identity, text, resolve(None, mine))
        found += [precedent] if precedent is not None else []
    return found


def _newest_time(decisions: Sequence[Decision]) -> str | None:
    times = [decision.time for decision in decisions if decision.time and read_time(decision.time)]
    return max(times, key=lambda time: read_time(time), default=None)  # type: ignore[arg-type, return-value]
