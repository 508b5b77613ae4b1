"""Injection that is searched for: what an attacker finds who may ask the model as often as a budget says.

A beam search over insertions: a candidate puts a few phrases between the words of an alarm, whose own words all stay;
its children add a phrase, exchange one or move one. Phrases that lowered scores before, of other alarms too, are tried
more often. It ends with the first candidate that is no alarm any more, or with the budget.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rationanomaly import progress
from rationanomaly.stress.injection_texts import FAMILIES
from rationanomaly.stress.judging import Judge, Judgement, Tested, log_odds

#: More inserted words would push those of the log out of sight: another attack, tested by padding.
MOST_INSERTED = 24
_AT_ONCE, _BEAM = 16, 4
#: Longest phrase, in words, and how many are tried in all.
_LONGEST_PHRASE, _MOST_PHRASES = 10, 400
#: Share of the candidates whose new phrase is drawn from all, not from the best.
_EXPLORED, _BEST = 0.4, 20

#: Phrases, each with the gap between the alarm's words that it stands in; in the order in which they are put.
Insertions = tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Found:
    """How a search against one alarm ended.

    Attributes:
        alarm: whose verdict was to be turned.
        altered: the candidate with the lowest score, or the alarm itself where nothing lowered it.
        before, after: the judgements on both.
        queries: texts that were judged.
    """

    alarm: Tested
    altered: str
    before: Judgement
    after: Judgement
    queries: int

    @property
    def flipped(self) -> bool:
        """Whether the alarm is gone."""
        return self.after.answer != "abnormal"


def search(judge: Judge, alarms: Sequence[Tested], phrases: Sequence[str], queries: int, seed: int) -> Iterator[Found]:
    """Search against each of some true alarms.

    Args:
        judge: what is attacked.
        alarms: judged abnormal.
        phrases: what may be inserted (`phrases_of`).
        queries: for each alarm, the texts that may be judged at most.
        seed: of the search.
    """
    gains = _Gains(list(phrases))
    befores = judge.judge([alarm.template for alarm in alarms])
    pairs = zip(alarms, befores, strict=True)
    for alarm, before in progress.track(pairs, "searching injections", len(alarms), "alarms"):
        rng = random.Random(f"{seed}/{alarm.template!a}")  # noqa: S311 - draws no secret
        yield _search_one(judge, alarm, before, gains, queries, rng)


def phrases_of(normals: Sequence[str], seed: int) -> list[str]:
    """What a search inserts: short attacks, and phrases of normal logs, which the model has learnt to be calm about.

    Args:
        normals: normal templates of the training.
        seed: which phrases, where there are many.
    """
    attacks = [text for family in FAMILIES.values() for text in family.texts("normal") if _is_short(text)]
    wholes = [text for text in normals if _is_short(text)]
    pieces = [
        " ".join(words[at : at + 3]) for text in normals for words in [text.split()] for at in range(0, len(words), 3)
    ]
    rng = random.Random(seed)  # noqa: S311 - draws no secret
    each = _MOST_PHRASES // 3
    found: dict[str, None] = {}
    for kind in (attacks, wholes, pieces):
        distinct = sorted(set(kind))
        found |= dict.fromkeys(rng.sample(distinct, min(each, len(distinct))))
    return list(found)


def insert(template: str, insertions: Insertions) -> str:
    """The template with the phrases in its gaps; gap 0 is in front of the first word."""
    words = template.split(" ")
    pieces: list[str] = []
    for gap in range(len(words) + 1):
        pieces += [phrase for place, phrase in insertions if place == gap]
        pieces += words[gap : gap + 1]
    return " ".join(pieces)


@dataclass
class _Gains:
    """How much each phrase has lowered log-odds, over all alarms."""

    phrases: list[str]
    total: dict[str, float] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)

    def learn(self, phrase: str, gain: float) -> None:
        self.total[phrase] = self.total.get(phrase, 0.0) + gain
        self.tries[phrase] = self.tries.get(phrase, 0) + 1

    def draw(self, rng: random.Random) -> str:
        if not self.total or rng.random() < _EXPLORED:
            return rng.choice(self.phrases)
        best = sorted(self.total, key=lambda phrase: (-self.total[phrase] / self.tries[phrase], phrase))[:_BEST]
        return rng.choice(best)


@dataclass(frozen=True)
class _Candidate:
    insertions: Insertions
    text: str
    judgement: Judgement


def _search_one(
    judge: Judge, alarm: Tested, before: Judgement, gains: _Gains, queries: int, rng: random.Random
) -> Found:
    start = _Candidate((), alarm.template, before)
    beam, seen, asked = [start], {alarm.template}, 0
    while gains.phrases and asked < queries and beam[0].judgement.answer == "abnormal":
        children = _children(beam, alarm, gains, rng, min(_AT_ONCE, queries - asked), seen)
        if not children:
            break
        judged = judge.judge([text for _, _, _, text in children])
        asked += len(children)
        for (parent, insertions, phrase, text), judgement in zip(children, judged, strict=True):
            gains.learn(phrase, log_odds(parent.judgement.score) - log_odds(judgement.score))
            beam.append(_Candidate(insertions, text, judgement))
        # An alarm that is gone comes first, whatever its score: thresholds differ.
        beam = sorted(beam, key=lambda one: (one.judgement.answer == "abnormal", one.judgement.score))[:_BEAM]
    return Found(alarm, beam[0].text, before, beam[0].judgement, asked)


def _children(
    beam: Sequence[_Candidate], alarm: Tested, gains: _Gains, rng: random.Random, count: int, seen: set[str]
) -> list[tuple[_Candidate, Insertions, str, str]]:
    """New candidates, each with its parent and the phrase that is new in it or elsewhere."""
    gaps = len(alarm.template.split(" ")) + 1
    found: list[tuple[_Candidate, Insertions, str, str]] = []
    for _ in range(count * 8):
        if len(found) == count:
            break
        parent = rng.choice(beam)
        insertions, phrase = _mutated(parent.insertions, gaps, gains, rng)
        text = insert(alarm.template, insertions)
        if text not in seen and sum(len(one.split()) for _, one in insertions) <= MOST_INSERTED:
            seen.add(text)
            found.append((parent, insertions, phrase, text))
    return found


def _mutated(insertions: Insertions, gaps: int, gains: _Gains, rng: random.Random) -> tuple[Insertions, str]:
    place = rng.randrange(len(insertions)) if insertions else 0
    match rng.choice(("add", "exchange", "move")) if insertions else "add":
        case "exchange":
            changed = (insertions[place][0], gains.draw(rng))
        case "move":
            changed = (rng.randrange(gaps), insertions[place][1])
        case _:
            added = (rng.randrange(gaps), gains.draw(rng))
            return (*insertions, added), added[1]
    return (*insertions[:place], changed, *insertions[place + 1 :]), changed[1]


def _is_short(text: str) -> bool:
    return 0 < len(text.split()) <= _LONGEST_PHRASE and len(text) <= 12 * _LONGEST_PHRASE
