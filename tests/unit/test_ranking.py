"""A rule that is better than the final model is named in one sentence."""

from __future__ import annotations

import pytest

from rationanomaly.evaluate.ranking import remarks, shorten
from rationanomaly.evaluate.systems import SYSTEMS, prefix


def metrics(rows: int = 100, **f1: float) -> dict[str, float]:
    """F1 and AP of the named systems; everything that is not named has .3."""
    found: dict[str, float] = {}
    for name in SYSTEMS:
        level = f"{prefix(name)}template"
        found |= {f"{level}/abnormal/f1": f1.get(name, 0.3), f"{level}/abnormal/ap": 0.3, f"{level}/rows": 100}
    return found | {"sft/template/rows": rows}


def test_a_better_rule_is_named() -> None:
    assert remarks(metrics(teacher_rule=0.676, grpo=0.648)) == (
        "The best F1 is a rule's: teacher's rule .676; ours .648.",
    )


def test_a_better_classifier_is_named_for_what_it_is() -> None:
    found = metrics(labeller=0.73, keyword=0.7, grpo=0.6) | {"reference/template/abnormal/ap": 0.75}
    assert remarks(found) == (
        "The best F1 is a classifier's: labeller .730; ours .600.",
        "The best AP is a classifier's: reference classifier .750; ours .300.",
    )


def test_nothing_is_said_of_the_best() -> None:
    assert remarks(metrics(teacher_rule=0.676, grpo=0.676)) == ()
    assert remarks({}) == ()


@pytest.mark.parametrize(("rows", "said"), [(100, 1), (40, 0)])
def test_a_model_measured_on_fewer_rows_is_not_ranked(rows: int, said: int) -> None:
    assert len(remarks(metrics(rows, sft=0.9, grpo=0.8))) == said


@pytest.mark.parametrize(("value", "text"), [(0.648, ".648"), (1.0, "1.000"), (0.0, ".000"), (-0.02, "-.020")])
def test_shares_are_shortened(value: float, text: str) -> None:
    assert shorten(value) == text


def test_sessions_are_ranked_where_each_system_is_at_its_best() -> None:
    f1 = {"session_model": 0.6, "session_tuned": 0.9, "session": 0.95, "pca/session": 0.7, "sft/session": 0.99}
    f1["sft/session_tuned"] = 0.5
    found = metrics() | {f"{level}/rows": 50.0 for level in f1}
    found |= {f"{level}/abnormal/f1": value for level, value in f1.items()}
    assert remarks(found) == ("The best session F1 is a session model's: event counts, PCA .700; ours .600.",)
    assert remarks(found | {"pca/session/rows": 40.0}) == (), "measured on other sessions"
