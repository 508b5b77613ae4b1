"""The built-in teacher: rules over fault domains. Needs no network, key or GPU; free and deterministic."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rationanomaly.distill.domains import Domain, domain_of, tone_of
from rationanomaly.distill.phrases import (
    CONCLUSIONS,
    IMPLICATIONS,
    NO_EVIDENCE_ABNORMAL,
    NO_EVIDENCE_IMPLICATIONS,
    NO_EVIDENCE_OPENINGS,
    OPENINGS,
)
from rationanomaly.distill.quoting import choose_quotes, tokens
from rationanomaly.distill.teachers import Answer, Bill, Question, Teacher
from rationanomaly.evidence import required_quotes
from rationanomaly.params import Params
from rationanomaly.prompt import write_response


@contextmanager
def open_builtin(params: Params, _: Path) -> Iterator[Teacher]:
    """The built-in teacher with the seed of the run."""
    yield BuiltinTeacher(params.run.seed)


class BuiltinTeacher:
    """Writes three sentences: the key words with quotes, what they imply, the conclusion."""

    name = "builtin"
    #: Changes whenever the rules or the sentences change.
    prompt_version = "builtin-1"
    bill = Bill()

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def answers(self, questions: Sequence[Question]) -> list[Answer]:
        """See `Teacher`. The same question always gets the same answer, whatever stands beside it."""
        return [Answer(write_response(self._rationale(question), question.label)) for question in questions]

    def _rationale(self, question: Question) -> str:
        chance = random.Random(f"{self._seed}|{question.template_id}|{question.sample}|{question.attempt}")  # noqa: S311
        found = [part for token in tokens(question.shown) for part in token.parts]
        tone = tone_of(found)
        # The label comes into play last: not even the choice of words before the conclusion may depend on it.
        if required_quotes(question.shown) == 0:
            opening, implication = chance.choice(NO_EVIDENCE_OPENINGS), chance.choice(NO_EVIDENCE_IMPLICATIONS)
            conclusions = CONCLUSIONS["normal", False] if question.label == "normal" else NO_EVIDENCE_ABNORMAL
        else:
            domain = domain_of(found)
            quotes = choose_quotes(question.shown, domain, chance)
            opening = chance.choice(OPENINGS[len(quotes)]).format(*quotes)
            implication = _filled(chance.choice(IMPLICATIONS[tone]), domain, chance)
            conclusions = CONCLUSIONS[question.label, tone != "plain"]
        return f"{opening} {implication} {chance.choice(conclusions)}"


def _filled(sentence: str, domain: Domain, chance: random.Random) -> str:
    role, harm = chance.choice(domain.roles), chance.choice(domain.harms)
    return sentence.format(topic=domain.topic, role=role, harm=harm)
