"""What GRPO measures on the validation side, with a model whose texts are written down here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from rationanomaly.grpo.step import _validation_metrics
from rationanomaly.grpo.trainer import SCORED_BY
from rationanomaly.params import Params
from rationanomaly.text.prompt import Shown, conclude, show, write_response
from rationanomaly.training.best_adapter import mean_of
from rationanomaly.training.validation import Validation

LOGS = ("disk <*> failed", "fan <*> is ready", "link <*> lost carrier", "job <*> done")
ABNORMAL = (True, False, True, False)
#: Of the fan and of the job: what happened to neither.
INVENTED = {name: f'It says "{name}": the link is gone.' for name in ("fan", "job")}
#: The second claims what its log does not hold, the third quotes it wrongly, the last never ends.
ANALYSES = ('It names "disk" and "failed".', INVENTED["fan"], 'It says "carrier found".', None)
SCORES = (0.9, 0.7, 0.2, 0.1)


class ScriptedScorer:
    def __init__(self, free: Sequence[str], analyses: Sequence[str | None], scores: Sequence[float]) -> None:
        self._free, self._analyses, self._scores = list(free), list(analyses), scores

    def analyses(self, logs: Sequence[Shown], **_: Any) -> list[str | None]:
        return self._analyses

    def reasoned_scores(self, logs: Sequence[Shown], analyses: Sequence[str]) -> np.ndarray:
        return np.array(self._scores)

    def free_texts(self, logs: Sequence[Shown], task: str) -> list[str]:
        return self._free


def _measured(
    params: Params,
    free: Sequence[str],
    analyses: Sequence[str | None] = ANALYSES,
    scores: Sequence[float] = SCORES,
    threshold: float = 0.5,
) -> dict[str, float]:
    validation = Validation(tuple(show(log, params.prompt) for log in LOGS), ABNORMAL)
    scorer: Any = ScriptedScorer(free, analyses, scores)
    return _validation_metrics(scorer, validation, threshold)


def _text(concluded: str, stated: str) -> str:
    return write_response(conclude('It names "disk".', concluded), stated)


ABNORMALS, NORMALS = [_text("abnormal", "abnormal")] * 4, [_text("normal", "normal")] * 4
CONTRADICTS = _text("abnormal", "normal")
NO_CONCLUSION = write_response('It names "disk".', "normal")
#: Each claims what its log holds.
SUPPORTED = (
    'It says "disk <*> failed": the operation did not work out.',
    'It says "fan <*> is ready": it stands by for work.',
    'It says "link <*> lost carrier": the link is gone.',
    'It says "job <*> done": it has been carried out.',
)
VAGUE = ("It speaks of something.",) * 4
NONE = (None,) * 4


@pytest.mark.parametrize(
    ("free", "agreement"),
    [
        (ABNORMALS, 0.5),
        (NORMALS, 0.5),
        (ABNORMALS[:2] + NORMALS[:2], 1),
        ([CONTRADICTS] * 4, 0),
        ([ABNORMALS[0], NO_CONCLUSION, "So the log is normal.", ""], 0.25),
    ],
    ids=["always abnormal", "always normal", "as answered", "contradict themselves", "nothing to agree"],
)
def test_agreement_is_the_share_of_free_texts_whose_conclusion_and_tag_are_the_answer(
    params: Params, free: Sequence[str], agreement: float
) -> None:
    assert _measured(params, free, SUPPORTED)["agreement"] == agreement


def test_answers_go_by_the_threshold_and_need_an_analysis(params: Params) -> None:
    assert _measured(params, ABNORMALS, SUPPORTED, threshold=0.8)["agreement"] == 0.25
    assert _measured(params, NORMALS, SUPPORTED, threshold=0.8)["agreement"] == 0.75
    # As the detector's, whose answer is then `invalid`.
    assert _measured(params, NORMALS, (*SUPPORTED[:3], None), threshold=0.8)["agreement"] == 0.5


def test_shares_count_what_holds(params: Params) -> None:
    found = _measured(params, ABNORMALS)
    assert (found["valid"], found["f1"], found["false_positive_rate"]) == (0.75, 0.5, 0.5)
    assert found["grounded"] == 0.5
    assert found["free_grounded"] == 0.25


@pytest.mark.parametrize(
    ("analyses", "support"),
    [
        (SUPPORTED, 1),
        ((*SUPPORTED[:3], INVENTED["job"]), 0.75),
        ((*SUPPORTED[:3], None), 0.75),
        ((*SUPPORTED[:2], *VAGUE[:2]), 1),
        ((SUPPORTED[0], INVENTED["fan"], *VAGUE[:2]), 0.5),
        (VAGUE, 0),
        (NONE, 0),
    ],
    ids=["all", "a claim of nothing", "no analysis", "nothing claimed", "of those that claim", "vague", "silent"],
)
def test_support_is_of_what_is_claimed_and_silence_has_none(
    params: Params, analyses: Sequence[str | None], support: float
) -> None:
    assert _measured(params, ABNORMALS, analyses)["support"] == support


@pytest.mark.parametrize(
    "worse",
    [
        {"scores": (0.1, 0.1, 0.2, 0.9), "free": [*NORMALS[:3], ABNORMALS[0]]},
        {"free": [CONTRADICTS] * 4},
        {"analyses": (*SUPPORTED[:3], INVENTED["job"])},
    ],
    ids=["f1", "agreement", "support"],
)
def test_the_best_adapter_is_right_agrees_with_itself_and_claims_what_the_log_says(
    params: Params, worse: dict[str, Any]
) -> None:
    score = mean_of(SCORED_BY)
    sound: dict[str, Any] = {
        "free": [ABNORMALS[0], NORMALS[0]] * 2, "analyses": SUPPORTED, "scores": (0.9, 0.1, 0.8, 0.1)
    }  # fmt: skip
    best, other = score(_measured(params, **sound)), score(_measured(params, **(sound | worse)))
    assert best is not None
    assert other is not None
    assert best == 1 > other
