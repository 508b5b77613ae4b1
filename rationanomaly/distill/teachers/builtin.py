"""The built-in teacher: rules over fault domains. Needs no network, key or GPU; free and deterministic."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rationanomaly.distill.quoting import Text, choose_quotes
from rationanomaly.distill.teachers import Answer, Bill, Question, Teacher
from rationanomaly.params import Params
from rationanomaly.rulebook.domains import Domain, domain_of
from rationanomaly.rulebook.phrases import (
    CONCLUSIONS,
    FAULT_OPENINGS,
    IMPLICATIONS,
    NO_EVIDENCE_ABNORMAL,
    NO_EVIDENCE_IMPLICATIONS,
    NO_EVIDENCE_OPENINGS,
    PART_IMPLICATION,
    PLAIN_OPENINGS,
)
from rationanomaly.rulebook.signs import Reading, read
from rationanomaly.steps import Inputs
from rationanomaly.text.evidence import required_quotes
from rationanomaly.text.prompt import write_response


@contextmanager
def open_builtin(params: Params, _: Inputs, __: Path) -> Iterator[Teacher]:
    """The built-in teacher with the seed of the run."""
    yield BuiltinTeacher(params.run.seed)


class BuiltinTeacher:
    """Writes three sentences: the key parameters with quotes, what they imply, the conclusion."""

    name = "builtin"
    #: Changes whenever the rules or the sentences change.
    prompt_version = "builtin-2"
    bill = Bill()

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def answers(self, questions: Sequence[Question]) -> list[Answer]:
        """See `Teacher`. The same question always gets the same answer, whatever stands beside it."""
        return [Answer(write_response(self._rationale(question), question.label)) for question in questions]

    def _rationale(self, question: Question) -> str:
        rng = random.Random(f"{self._seed}|{question.template_id}|{question.sample}|{question.attempt}")  # noqa: S311
        text = Text.of(question.shown)
        reading = read(text.words, text.values)
        # The label comes into play last: not even the choice of words before the conclusion may depend on it.
        if required_quotes(question.shown) == 0:
            opening, implication = rng.choice(NO_EVIDENCE_OPENINGS), rng.choice(NO_EVIDENCE_IMPLICATIONS)
            conclusions = CONCLUSIONS["normal", "plain"] if question.label == "normal" else NO_EVIDENCE_ABNORMAL
        else:
            domain = domain_of(text.words)
            quotes = choose_quotes(text, reading, domain)
            openings = PLAIN_OPENINGS if reading.tone == "plain" else FAULT_OPENINGS
            opening = rng.choice(openings[len(quotes)]).format(*quotes)
            implication = _implication(reading, domain, rng)
            conclusions = CONCLUSIONS[question.label, reading.tone]
        return f"{opening} {implication} {rng.choice(conclusions)}"


def _implication(reading: Reading, domain: Domain, rng: random.Random) -> str:
    sign = reading.easing or reading.event
    about = {"topic": domain.topic, "role": rng.choice(domain.roles), "harm": rng.choice(domain.harms["operation"])}
    clause = (sign.implication if sign else PART_IMPLICATION).format(**about)
    return rng.choice(IMPLICATIONS).format(implication=clause)
