"""An analysis that the log's words don't bear out is written anew, up to a number of attempts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from rationanomaly.model.card import BaseIdentity, Card, Threshold, read_card, write_card
from rationanomaly.model.scoring import Scorer
from rationanomaly.params import DetectParams, PromptParams
from rationanomaly.records import DETECTOR
from rationanomaly.text.prompt import PROMPT_VERSION, Shown, show

SETTINGS = PromptParams(style="compact", normalise=True, max_words=48, max_characters=2000, few_shot_examples=0)
LOG = "link <*> lost carrier"
TRUE = 'It says "link <*> lost carrier": the link is gone.'
ALSO_TRUE = 'It reports "link <*> lost carrier": the link is gone.'
VAGUE = 'It says "link <*> lost carrier": zebras.'
WRONG = 'It says "link <*> lost carrier": the time set has run out.'
OTHER_SIDE = 'It says "<*> lost carrier": it may only mean that a short disturbance came up and passed.'
QUOTES_ANOTHER = 'It says "disk <*> lost": the link is gone.'


class ScriptedScorer(Scorer):
    """Writes what is given for each log, one after the other, and scores each text by its length."""

    def __init__(self, texts: Mapping[str, Sequence[str | None]]) -> None:
        self.texts, self.asked = texts, list[tuple[int, list[str]]]()

    def analyses(
        self, logs: Sequence[Shown], index: int = 0, temperature: float = 1.0, task: str = ""
    ) -> list[str | None]:
        self.asked.append((index, [log.text for log in logs]))
        return [self.texts[log.text][index] for log in logs]

    def reasoned_scores(self, logs: Sequence[Shown], analyses: Sequence[str]) -> np.ndarray:
        return np.array([len(text) / 100 for text in analyses])


def chosen(texts: Sequence[str | None], count: int = 1, attempts: int = 4) -> list[str]:
    scorer = ScriptedScorer({LOG: texts})
    (found,) = scorer.scored_analyses([show(LOG, SETTINGS)], count, 1.0, attempts)
    assert [score for score, _ in found] == [len(text) / 100 for _, text in found]
    return [text for _, text in found]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ([TRUE], TRUE),
        ([WRONG, TRUE], TRUE),
        ([QUOTES_ANOTHER, TRUE], TRUE),
        ([VAGUE, WRONG, None, TRUE], TRUE),
        ([None, WRONG, VAGUE, TRUE], TRUE),
        ([OTHER_SIDE, TRUE, None, TRUE], OTHER_SIDE),
        ([WRONG, VAGUE, None, WRONG], WRONG),
        ([WRONG, QUOTES_ANOTHER, None, None], WRONG),
        ([None, None, WRONG, None], WRONG),
    ],
    ids=[
        "the first",
        "wrong",
        "other quotes",
        "the last",
        "the first has no end",
        "another verdict",
        "says neither",
        "the first of equals",
        "whole",
    ],
)
def test_the_first_that_is_borne_out_is_taken_or_the_best(written: Sequence[str | None], shown: str) -> None:
    assert chosen(written) == [shown]


def test_nothing_more_is_written_than_is_needed() -> None:
    scorer = ScriptedScorer({LOG: [TRUE], "link <*> down carrier": [WRONG, WRONG], "a b": [None] * 3})
    logs = [show(text, SETTINGS) for text in scorer.texts]
    found = scorer.scored_analyses(logs, 1, 1.0, 2)
    assert [len(few) for few in found] == [1, 1, 0]
    assert scorer.asked == [(0, list(scorer.texts)), (1, ["link <*> down carrier", "a b"])]


def test_a_log_without_words_is_not_written_of_again() -> None:
    scorer = ScriptedScorer({"<*> <*> <*> <*>": [WRONG, TRUE], LOG: [WRONG, TRUE]})
    logs = [show(text, SETTINGS) for text in scorer.texts]
    found = scorer.scored_analyses(logs, 1, 1.0, 2)
    assert [text for ((_, text),) in found] == [WRONG, TRUE]
    assert scorer.asked[1:] == [(1, [LOG])]


class TogetherScorer(ScriptedScorer):
    """The same, all further attempts in one batch."""

    attempts_together = True

    def _analyses(
        self, logs: Sequence[Shown], indices: Sequence[int], temperature: float, task: str
    ) -> list[str | None]:
        self.asked.append((0, [log.text for log in logs]))
        return [self.texts[log.text][index] for log, index in zip(logs, indices, strict=True)]


@pytest.mark.parametrize("count", [1, 2])
def test_attempts_in_one_batch_take_what_attempts_in_turn_take(count: int) -> None:
    texts = [TRUE, ALSO_TRUE, VAGUE, WRONG, OTHER_SIDE, None]
    for number, written in enumerate(permutations(texts)):
        mixed = {LOG: written, "link <*> down carrier": written[::-1], "<*> <*>": written}
        logs = [show(text, SETTINGS) for text in mixed]
        in_turn = ScriptedScorer(mixed).scored_analyses(logs, count, 1.0, 3)
        together = TogetherScorer(mixed)
        assert together.scored_analyses(logs, count, 1.0, 3) == in_turn, number
        assert len(together.asked) <= 2 * count


def test_one_attempt_takes_what_comes() -> None:
    assert chosen([WRONG, TRUE], attempts=1) == [WRONG]


def test_a_mean_is_over_those_that_are_borne_out() -> None:
    assert chosen([WRONG, TRUE, ALSO_TRUE], count=2, attempts=2) == [ALSO_TRUE, TRUE]
    assert chosen([WRONG, WRONG, WRONG, ALSO_TRUE], count=2, attempts=2) == [WRONG, ALSO_TRUE]


def test_a_card_from_before_keeps_one_attempt(tmp_path: Path) -> None:
    detect = DetectParams(verdict="reasoned", analyses=2, attempts=3, temperature=0.7, clauses=False)
    threshold = Threshold(0.5, "default")
    card = Card(
        stage="sft", prompt=SETTINGS, detect=detect, threshold=threshold, direct_threshold=threshold,
        base=BaseIdentity("", None, "0" * 64, copied=True), max_completion=64, literal_quotes=True,
        prompt_version=PROMPT_VERSION,
    )  # fmt: skip
    write_card(tmp_path, card)
    assert read_card(tmp_path) == card
    document = json.loads((tmp_path / DETECTOR).read_bytes())
    del document["detect"]["attempts"]
    (tmp_path / DETECTOR).write_text(json.dumps(document), encoding="utf-8")
    assert read_card(tmp_path).detect == detect.model_copy(update={"attempts": 1})
