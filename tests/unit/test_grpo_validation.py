"""What GRPO measures on the validation side, with a model whose texts are written down here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from rationanomaly.grpo.step import _validation_metrics
from rationanomaly.params import Params
from rationanomaly.text.prompt import Shown, conclude, show, write_response
from rationanomaly.training.validation import Validation

LOGS = ("disk <*> failed", "fan <*> is ready", "link <*> lost carrier", "job <*> done")
ABNORMAL = (True, False, True, False)
#: The second claims what its log does not hold, the third quotes it wrongly, the last never ends.
ANALYSES = ('It names "disk" and "failed".', 'The "fan" is out of memory.', 'It says "carrier found".', None)
SCORES = (0.9, 0.7, 0.2, 0.1)


class ScriptedScorer:
    def __init__(self, free: Sequence[str]) -> None:
        self._free = list(free)

    def analyses(self, logs: Sequence[Shown], **_: Any) -> list[str | None]:
        return list(ANALYSES)

    def reasoned_scores(self, logs: Sequence[Shown], analyses: Sequence[str]) -> np.ndarray:
        return np.array(SCORES)

    def free_texts(self, logs: Sequence[Shown], task: str) -> list[str]:
        return self._free


def _measured(params: Params, free: Sequence[str]) -> dict[str, float]:
    validation = Validation(tuple(show(log, params.prompt) for log in LOGS), ABNORMAL)
    return _validation_metrics(ScriptedScorer(free), validation, 0.5)  # type: ignore[arg-type]


def _text(concluded: str, stated: str) -> str:
    return write_response(conclude('It names "disk".', concluded), stated)


AGREES, CONTRADICTS = _text("abnormal", "abnormal"), _text("abnormal", "normal")
NO_CONCLUSION = write_response('It names "disk".', "normal")


@pytest.mark.parametrize(
    ("free", "agreement"),
    [
        ([AGREES, _text("normal", "normal"), AGREES, CONTRADICTS], 0.75),
        ([CONTRADICTS, _text("normal", "abnormal"), AGREES, CONTRADICTS], 0.25),
        ([NO_CONCLUSION, "So the log is normal.", "", AGREES], 0.25),
    ],
    ids=["mostly", "seldom", "nothing to agree"],
)
def test_agreement_is_the_share_of_free_texts_whose_conclusion_is_their_answer(
    params: Params, free: Sequence[str], agreement: float
) -> None:
    assert _measured(params, free)["agreement"] == agreement


def test_shares_count_what_holds(params: Params) -> None:
    found = _measured(params, [AGREES] * len(LOGS))
    assert (found["valid"], found["f1"], found["false_positive_rate"]) == (0.75, 0.5, 0.5)
    assert found["grounded"] == 0.5
    assert found["support"] == 0.75
    assert found["free_grounded"] == 0.25
