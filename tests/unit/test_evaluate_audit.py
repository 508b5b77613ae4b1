"""The audit finds what is planted, and nothing where nothing is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from rationanomaly.errors import GateError
from rationanomaly.evaluate.audit import Check, audit, require_clean
from rationanomaly.records import LABELLED_SCHEMA, SESSIONS_SCHEMA, template_id

TEXTS = {
    "link <*> lost its carrier": "train",
    "job <*> started on <*>": "train",
    "heartbeat from <*> received": "validation",
    "power supply <*> has failed": "test",
    "filesystem <*> remounted read only": "test",
}
Tables = tuple[pl.DataFrame, pl.DataFrame, list[str | None]]


def tables() -> Tables:
    """Five templates by first appearance, and four sessions: two teach, one chooses, the last is tested."""
    rows: list[dict[str, Any]] = [
        {
            "template_id": template_id(text), "template": text, "dataset": "log", "original_label": "normal",
            "label": "normal", "corrected": False, "category": None, "history": [], "mixed": False, "lines": 5,
            "first_line": 10 * place, "group": place, "split": side,
        }
        for place, (text, side) in enumerate(TEXTS.items(), start=1)
    ]  # fmt: skip
    sessions = [
        {
            "session": f"window {number}", "first_line": 10 * number, "last_line": 10 * number + 9, "lines": 10,
            "alert": False, "template_ids": [rows[0]["template_id"]], "split": None,
        }
        for number in range(1, 5)
    ]  # fmt: skip
    sides: list[str | None] = ["train", "train", "validation", "test"]
    return pl.DataFrame(rows, LABELLED_SCHEMA), pl.DataFrame(sessions, SESSIONS_SCHEMA), sides


def ask(found: Tables, by_time: bool = True) -> dict[str, Check]:
    labelled, sessions, sides = found
    order = dict(labelled.select("template_id", "first_line").iter_rows()) if by_time else None
    return {check.name: check for check in audit(labelled, sessions, sides, 0.8, order)}


def test_a_clean_split_passes() -> None:
    checks = ask(tables())
    assert all(check.found == 0 and not check.example for check in checks.values())
    require_clean(list(checks.values()))


def plant_template(found: Tables) -> Tables:
    labelled, sessions, sides = found
    copied = labelled[:1].with_columns(split=pl.lit("test"), group=pl.lit(9, pl.Int64))
    return pl.concat([labelled, copied]), sessions, sides


def plant_near_duplicate(found: Tables) -> Tables:
    """Another template id and another group, as if `correct` had overlooked it."""
    labelled, sessions, sides = found
    text = "link <*> lost its carriers"
    copied = labelled[:1].with_columns(
        split=pl.lit("test"), group=pl.lit(9, pl.Int64), template=pl.lit(text), template_id=pl.lit(template_id(text)),
        first_line=pl.lit(60, pl.Int64),
    )  # fmt: skip
    return pl.concat([labelled, copied]), sessions, sides


def plant_later_template(found: Tables) -> Tables:
    labelled, sessions, sides = found
    first = pl.col("first_line")
    late = pl.when(pl.col("split") == "validation").then(pl.lit(99)).otherwise(first)
    return labelled.with_columns(first_line=late.cast(pl.Int64)), sessions, sides


def plant_later_session(found: Tables) -> Tables:
    labelled, sessions, sides = found
    return labelled, sessions, [sides[-1], *sides[1:-1], sides[0]]


def plant_same_session(found: Tables) -> Tables:
    labelled, sessions, sides = found
    return labelled, pl.concat([sessions, sessions[-1:]]), [*sides, "train"]


@pytest.mark.parametrize(
    ("plant", "name"),
    [
        (plant_template, "same_template"),
        (plant_near_duplicate, "near_duplicate"),
        (plant_later_template, "later_template"),
        (plant_later_session, "later_session"),
        (plant_same_session, "same_session"),
    ],
)
def test_a_planted_leak_is_found_and_stops(plant: Callable[[Tables], Tables], name: str) -> None:
    checks = ask(plant(tables()))
    assert checks[name].found
    assert checks[name].example
    with pytest.raises(GateError, match="the test leaks"):
        require_clean(list(checks.values()))


def test_what_was_left_out_of_training_counts_as_learnt() -> None:
    labelled, sessions, sides = plant_near_duplicate(tables())
    labelled = labelled.with_columns(
        split=pl.when(pl.col("split") == "train").then(pl.lit("left out")).otherwise("split")
    )
    assert ask((labelled, sessions, sides))["near_duplicate"].found == 1


def test_order_is_no_question_where_the_split_is_not_by_time() -> None:
    checks = ask(plant_later_template(tables()), by_time=False)
    assert checks["later_template"].found is None
    require_clean(list(checks.values()))


def test_given_sessions_have_no_order_of_lines() -> None:
    labelled, sessions, sides = plant_later_session(tables())
    checks = {check.name: check for check in audit(labelled, sessions, sides, 0.8, None, lines_in_order=False)}
    assert checks["later_session"].found is None


def test_without_a_test_side_nothing_of_sessions_is_asked() -> None:
    labelled, sessions, _ = tables()
    checks = ask((labelled, sessions, [None] * 4))
    assert checks["later_session"].found is None
    assert checks["same_session"].found is None
