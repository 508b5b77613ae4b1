"""What is counted of generated texts: agreement, argument, support, evidence, form; as detected, and written freely."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rationanomaly.evaluate.generated_texts import RATES, text_flags, text_metrics
from rationanomaly.evaluate.predictions import Prediction, SystemAnswers
from rationanomaly.params import Params
from rationanomaly.rulebook import written_text
from rationanomaly.rulebook.argument import Argument
from rationanomaly.text.prompt import Shown, conclude, write_response

LOG = "disk <*> has failed"
ANALYSIS = 'The key parameters are "disk" and "failed".'


def found(answer: str, stated: str | None = None, concluded: str | None = None, **values: object) -> Prediction:
    """A prediction with a text that says ``stated``, or what the answer says."""
    said = stated or answer
    one = Prediction(
        model="sft", template_id="0" * 16, template=LOG, dataset="d", split="test", truth="abnormal", label="abnormal",
        mixed=False, answer=answer, score=0.9, direct_score=0.8, direct_answer="abnormal", stated=said,
        consistent=True, rationale=conclude(ANALYSIS, concluded or said), grounded=True,
    )  # fmt: skip
    return replace(one, **values)  # type: ignore[arg-type]


INVALID = found("invalid", "invalid", consistent=False, rationale=None, grounded=False)
NOT_ASKED = found("abnormal", stated=None, consistent=None, rationale=None, grounded=False)


@pytest.fixture(autouse=True)
def reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text argues for what its first sentence names; the tests of the rulebook hold how it is read."""

    def read(analysis: str) -> Argument:
        assert "So the log is" not in analysis, "the conclusion is no argument"
        return Argument("abnormal" if "failed" in analysis else "normal", frozenset({"failed"}), frozenset())

    def bears_out(argument: Argument, shown: Shown) -> bool | None:
        return "failed" in shown.text if "disk" in shown.text else None

    monkeypatch.setattr(written_text, "read_argument", read)
    monkeypatch.setattr(written_text, "supported", bears_out)


def system(params: Params, predictions: list[Prediction], reasoned: list[int], free: dict[int, str]) -> SystemAnswers:
    return SystemAnswers("sft", predictions, {}, None, reasoned, free, params.prompt)


@pytest.mark.parametrize(
    "text",
    [
        found("abnormal", "normal"),
        found("abnormal", "abnormal", "normal"),
        found("abnormal", "normal", "abnormal"),
        found("abnormal", consistent=False),
        found("abnormal", rationale=ANALYSIS),
        INVALID,
    ],
    ids=["tag and conclusion", "conclusion", "tag", "as the detector says", "no conclusion", "invalid"],
)
def test_any_contradiction_is_no_agreement(params: Params, text: Prediction) -> None:
    metrics = text_metrics(system(params, [text, found("abnormal")], [0, 1], {}))
    assert metrics["agreement/rate"] == 0.5


@pytest.mark.parametrize("contradicted", [0, 1, 2, 3])
def test_alarms_are_counted_apart(params: Params, contradicted: int) -> None:
    """Of three alarms, so that no share is that of its opposite; rows called normal beside them."""
    alarms = [found("abnormal", "normal")] * contradicted + [found("abnormal")] * (3 - contradicted)
    metrics = text_metrics(system(params, [*alarms, found("normal"), INVALID], [0, 1, 2, 3, 4], {}))
    assert metrics["agreement/alarms"] == pytest.approx(1 - contradicted / 3)
    assert metrics["agreement/rate"] == pytest.approx((4 - contradicted) / 5)
    assert metrics["agreement/alarm_rows"] == 3


@pytest.mark.parametrize("contradicted", [0, 1, 2, 3])
def test_free_texts_of_alarms_are_counted_apart(params: Params, contradicted: int) -> None:
    alarm, other = (write_response(conclude(ANALYSIS, label), label) for label in ("abnormal", "normal"))
    texts = {row: other if row < contradicted else alarm for row in range(3)} | {3: other, 4: alarm}
    rows = [found("abnormal")] * 3 + [found("normal")] * 2
    metrics = text_metrics(system(params, rows, [], texts))
    assert metrics["free/agreement/alarms"] == pytest.approx(1 - contradicted / 3)
    assert metrics["free/agreement/rate"] == pytest.approx((4 - contradicted) / 5)


def test_an_analysis_has_to_argue_for_the_answer(params: Params) -> None:
    rows = [found("abnormal"), found("normal"), found("normal", rationale=conclude('It names "disk".', "normal"))]
    flags = text_flags(system(params, [*rows, INVALID], [0, 1, 2, 3], {}))
    assert flags["argues/rate"] == {0: True, 1: False, 2: True}, "a text that does not parse argues for nothing"
    assert flags["format/rate"] == {0: True, 1: True, 2: True, 3: False}


def test_support_is_of_texts_that_claim_something(params: Params) -> None:
    rows = [found("abnormal"), found("abnormal", template="disk ok"), found("abnormal", template="fan ok")]
    metrics = text_metrics(system(params, rows, [0, 1, 2], {}))
    assert (metrics["support/rate"], metrics["support/rows"]) == (0.5, 2)


def test_rows_without_an_analysis_are_not_counted(params: Params) -> None:
    rows = [NOT_ASKED, found("abnormal"), NOT_ASKED]
    metrics = text_metrics(system(params, rows, [1], {}))
    assert metrics["format/rate"] == metrics["agreement/rate"] == metrics["grounding/rate"] == 1
    assert text_metrics(system(params, rows, [], {})) == {}
    assert text_metrics(SystemAnswers("keyword", rows, {})) == {}


def test_wordless_templates_are_counted_apart(params: Params) -> None:
    rows = [found("normal", wordless=True, grounded=True), found("normal", grounded=False)]
    metrics = text_metrics(system(params, rows, [0, 1], {}))
    assert (metrics["grounding/rate"], metrics["grounding/templates"]) == (0, 1)
    assert (metrics["evidence/wordless"], metrics["evidence/wordless_stated"]) == (1, 1)


@pytest.mark.parametrize(
    ("text", "form", "agrees", "grounded"),
    [
        (write_response(conclude(ANALYSIS, "abnormal"), "abnormal"), 1, 1, 1),
        (write_response(conclude(ANALYSIS, "normal"), "normal"), 1, 0, 1),
        (write_response(conclude(ANALYSIS, "normal"), "abnormal"), 1, 0, 1),
        (write_response(conclude('It says "fan" and "lost".', "abnormal"), "abnormal"), 1, 1, 0),
        (write_response(ANALYSIS, "abnormal"), 1, 0, 1),
        ("the source is the source is the source", 0, 0, 0),
        ("", 0, 0, 0),
    ],
    ids=["sound", "another answer", "contradiction", "invented quotes", "no conclusion", "babble", "nothing"],
)
def test_free_texts_are_held_against_the_answer(
    params: Params, text: str, form: int, agrees: int, grounded: int
) -> None:
    metrics = text_metrics(system(params, [NOT_ASKED, found("abnormal")], [1], {1: text}))
    assert metrics["free/rows"] == 1
    named = {name: metrics[f"free/{name}/rate"] for name in ("format", "agreement", "grounding")}
    assert named == {"format": form, "agreement": agrees, "grounding": grounded}


def test_tables_show_nothing_that_is_not_measured(params: Params) -> None:
    text = write_response(conclude(ANALYSIS, "abnormal"), "abnormal")
    assert set(RATES) == text_flags(system(params, [found("abnormal")], [0], {0: text})).keys()
