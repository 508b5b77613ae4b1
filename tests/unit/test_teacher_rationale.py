"""The teacher's text beside a verdict: the rulebook's own, whatever the truth is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rationanomaly.distill.teachers import Question
from rationanomaly.distill.teachers.builtin import BuiltinTeacher
from rationanomaly.evaluate.predictions import Prediction, SystemAnswers
from rationanomaly.evaluate.report_texts import quotes_in
from rationanomaly.evaluate.teacher_rationale import beside_teacher
from rationanomaly.params import Params
from rationanomaly.records import Label, template_id
from rationanomaly.text.evidence import check_evidence
from rationanomaly.text.prompt import parse_response, show

LOGS: dict[str, Label] = {
    "uncorrectable parity error on bank <*>": "abnormal",
    "write to disk <*> failed, retrying": "normal",
    "job <*> started on node <*>": "normal",
    "<*> 17 0x3f": "normal",
}


def answers(truth: str) -> SystemAnswers:
    rows = [
        Prediction("grpo", template_id(log), log, "d", "test", truth, truth, mixed=False, answer=truth, score=0.5)
        for log in LOGS
    ]
    return SystemAnswers("grpo", rows, {})


def written(params: Params, truth: str, seed: int = 0) -> list[str]:
    found = beside_teacher(answers(truth), params.prompt, seed)
    return [str(one.teacher_rationale) for one in found.predictions]


def test_no_label_of_the_test_reaches_it(params: Params) -> None:
    assert written(params, "normal") == written(params, "abnormal")
    assert written(params, "normal") != written(params, "normal", seed=1)


def test_it_argues_for_what_the_words_say_and_its_quotes_stand_in_the_log(params: Params) -> None:
    for (log, label), text in zip(LOGS.items(), written(params, "normal"), strict=True):
        assert text.endswith(f"So the log is {label}.")
        assert check_evidence(text, show(log, params.prompt)).grounded
        assert len(quotes_in(text, log)) == text.count('"') // 2


def test_it_is_what_the_teacher_writes_first_in_distill(params: Params) -> None:
    plain = params.prompt.model_copy(update={"normalise": False})
    found = beside_teacher(answers("normal"), plain, 3).predictions
    questions = [
        Question(one.template_id, log, show(log, plain), label, 0)
        for one, (log, label) in zip(found, LOGS.items(), strict=True)
    ]
    taught = [parse_response(answer.text).rationale for answer in BuiltinTeacher(3).answers(questions)]
    assert [one.teacher_rationale for one in found] == taught


@pytest.mark.parametrize("field", ["answer", "score", "truth", "similar"])
def test_the_verdicts_stay_what_they_are(params: Params, field: str) -> None:
    before = answers("normal")
    before = replace(before, predictions=[replace(one, similar=[{"template": "x"}]) for one in before.predictions])
    after = beside_teacher(before, params.prompt, 0)
    assert [getattr(one, field) for one in after.predictions] == [getattr(one, field) for one in before.predictions]
