"""The split: shares, near-duplicates on one side, time, the anomaly share, the audit."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rationanomaly.correct.split import LEFT_OUT, audit_leakage, follow_sessions, split_templates
from rationanomaly.errors import GateError, InputError
from rationanomaly.params import SplitParams

SETTINGS = SplitParams(
    train=0.6, validation=0.15, test=0.25, order="stratified", near_duplicate=0.8, anomaly_share=None
)
START = datetime(2026, 1, 1, tzinfo=UTC)


def table(labels: list[str], groups: list[int] | None = None, datasets: list[str] | None = None) -> pl.DataFrame:
    rows = len(labels)
    return pl.DataFrame(
        {
            "label": labels,
            "group": groups or list(range(rows)),
            "dataset": datasets or ["site"] * rows,
            "lines": [1] * rows,
            "first_line": list(range(1, rows + 1)),
            "first_seen": [START + timedelta(seconds=row) for row in range(rows)],
        }
    )


def changed(**values: object) -> SplitParams:
    return SETTINGS.model_copy(update=values)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 30), st.sampled_from(["north", "south"])), min_size=4, max_size=90
    ),
    st.sampled_from(["stratified", "time"]),
    st.integers(0, 3),
)
def test_groups_stay_whole_whatever_the_table(rows: list[tuple[bool, int, str]], order: str, seed: int) -> None:
    labels = ["abnormal" if abnormal else "normal" for abnormal, _, _ in rows]
    assume(len(set(labels)) == 2)
    templates = table(labels, [group for _, group, _ in rows], [dataset for _, _, dataset in rows])
    try:
        sides = split_templates(templates, changed(order=order), seed)
    except InputError:
        assume(False)
    by_group: dict[int, set[str]] = {}
    for (_, group, _), side in zip(rows, sides, strict=True):
        by_group.setdefault(group, set()).add(side)
    assert all(len(found) == 1 for found in by_group.values())
    assert set(sides) <= {"train", "validation", "test"}


@pytest.mark.parametrize("seed", range(5))
def test_shares_hold_by_row_in_every_data_set_and_label(seed: int) -> None:
    labels = (["abnormal"] * 20 + ["normal"] * 180) * 2
    datasets = ["north"] * 200 + ["south"] * 200
    sizes = [40, 25, 10, 5] + [1] * 100
    groups = [*np.repeat(np.arange(104), sizes).tolist(), *range(1000, 1220)]
    sides = split_templates(table(labels, groups, datasets), SETTINGS, seed)
    counts = Counter(zip(datasets, labels, sides, strict=True))
    for dataset in ("north", "south"):
        for side, share in (("train", 0.6), ("validation", 0.15), ("test", 0.25)):
            assert counts[dataset, "normal", side] == pytest.approx(180 * share, abs=6)
    for side, share in (("train", 0.6), ("validation", 0.15), ("test", 0.25)):
        assert counts["south", "abnormal", side] == pytest.approx(20 * share, abs=1)


def test_seeds_make_different_splits_and_the_same_one_the_same() -> None:
    templates = table(["abnormal", "normal"] * 50)
    assert split_templates(templates, SETTINGS, 1) == split_templates(templates, SETTINGS, 1)
    assert split_templates(templates, SETTINGS, 1) != split_templates(templates, SETTINGS, 2)


def test_a_test_share_of_zero_leaves_nobody_there_and_shares_are_relative() -> None:
    sides = Counter(split_templates(table(["abnormal", "normal"] * 100), changed(test=0.0), 0))
    assert sides == {"train": 160, "validation": 40}


def test_by_time_the_test_templates_appeared_last() -> None:
    sides = split_templates(table(["abnormal", "normal"] * 10), changed(order="auto"), 0)
    assert sides == ["train"] * 12 + ["validation"] * 3 + ["test"] * 5


def test_by_time_a_late_near_duplicate_stays_with_its_first() -> None:
    groups = [*range(19), 0]
    sides = split_templates(table(["abnormal", "normal"] * 10, groups), changed(order="time"), 0)
    assert sides[19] == "train"


def test_a_table_without_time_is_split_by_label_or_refused() -> None:
    templates = table(["abnormal", "normal"] * 20).with_columns(
        first_seen=pl.lit(None, dtype=pl.Datetime("us", "UTC")), lines=0
    )
    assert "test" in split_templates(templates, changed(order="auto"), 0)
    with pytest.raises(InputError, match="no order in time"):
        split_templates(templates, changed(order="time"), 0)


def test_the_anomaly_share_of_the_training_set_is_reached_by_leaving_normal_templates_out() -> None:
    labels = ["abnormal"] * 20 + ["normal"] * 380
    sides = split_templates(table(labels), changed(anomaly_share=0.15), 0)
    training = [label for label, side in zip(labels, sides, strict=True) if side == "train"]
    assert training.count("abnormal") == 12
    assert len(training) == 80
    assert Counter(sides)[LEFT_OUT] == 240 - 80
    assert Counter(sides)["test"] == 100


def test_one_class_is_refused() -> None:
    with pytest.raises(InputError, match="the labels are all normal"):
        split_templates(table(["normal"] * 9), SETTINGS, 0)
    late = ["normal"] * 18 + ["abnormal"] * 2
    with pytest.raises(InputError, match=r"training side are all normal.*order: stratified"):
        split_templates(table(late), changed(order="time"), 0)


@pytest.mark.parametrize(
    "pair", [("door 3 is open", "door 17 is open"), ("the last door is open now", "the last door is open")]
)
def test_the_audit_refuses_equal_and_similar_templates_on_two_sides(pair: tuple[str, str]) -> None:
    audit_leakage([*pair, "nothing like it"], ["train", "train", "test"], 0.6)
    with pytest.raises(GateError, match="the split leaks"):
        audit_leakage([*pair, "nothing like it"], ["train", "test", "test"], 0.6)
    audit_leakage(pair, [LEFT_OUT, "train"], 0.6)
    with pytest.raises(GateError, match="the split leaks"):
        audit_leakage(pair, [LEFT_OUT, "test"], 0.6)


# ---------------------------------------------------------------- sessions with a split of their own


def followed(
    rows: list[tuple[str, bool, int]], seed: int = 0, chosen: SplitParams = SETTINGS
) -> list[tuple[str, tuple[str, bool, int]]]:
    """The side of each template, from its label, whether training or validation sessions have it, and its group."""
    templates = table([label for label, _, _ in rows], [group for _, _, group in rows])
    templates = templates.with_columns(template_id=pl.Series([f"t{row}" for row in range(len(rows))]))
    learnable = pl.Series([f"t{row}" for row, (_, known, _) in enumerate(rows) if known], dtype=pl.String)
    return list(zip(follow_sessions(templates, learnable, chosen, seed), rows, strict=True))


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from(["normal", "abnormal"]), st.booleans(), st.integers(0, 25)), max_size=80),
    st.sampled_from(["stratified", "time"]),
    st.integers(0, 3),
)
def test_what_only_test_sessions_have_is_never_learnt(rows: list[tuple[str, bool, int]], order: str, seed: int) -> None:
    try:
        found = followed(rows, seed, changed(order=order))
    except InputError:
        assume(False)
    known_groups = {group for _, known, group in rows if known}
    for side, (_, known, group) in found:
        if known:
            assert side in ("train", "validation")
        else:
            assert side == (LEFT_OUT if group in known_groups else "test")
    # As the audit sees it: what is left out counts as training.
    sides: dict[int, set[str]] = {}
    for side, (_, _, group) in found:
        sides.setdefault(group, set()).add("train" if side == LEFT_OUT else side)
    assert {len(mine) for mine in sides.values()} == {1}


def test_validation_has_its_share_of_what_is_known() -> None:
    rows = [("normal", True, row) for row in range(60)] + [("abnormal", True, 60 + row) for row in range(20)]
    rows += [("normal", False, 80 + row) for row in range(30)]
    counts = Counter((side, label) for side, (label, _, _) in followed(rows, chosen=changed(train=0.8, validation=0.2)))
    assert counts == {
        ("train", "normal"): 48,
        ("validation", "normal"): 12,
        ("train", "abnormal"): 16,
        ("validation", "abnormal"): 4,
        ("test", "normal"): 30,
    }


def test_the_test_side_may_be_empty() -> None:
    rows = [("normal" if row % 3 else "abnormal", True, row) for row in range(30)]
    assert {side for side, _ in followed(rows)} == {"train", "validation"}


def test_one_class_in_what_is_known_is_refused() -> None:
    rows = [("normal", True, row) for row in range(9)] + [("abnormal", False, 9 + row) for row in range(9)]
    with pytest.raises(InputError, match="the labels of known templates are all normal"):
        followed(rows)


def test_normal_templates_are_left_out_of_what_is_known_alone() -> None:
    rows = [("normal", True, row) for row in range(60)] + [("abnormal", True, 60 + row) for row in range(10)]
    rows += [("normal", False, 70 + row) for row in range(30)]
    found = followed(rows, chosen=changed(anomaly_share=0.5, validation=0.001))
    counts = Counter((side, label, known) for side, (label, known, _) in found)
    assert counts["train", "normal", True] == counts["train", "abnormal", True]
    assert counts["test", "normal", False] == 30 and counts[LEFT_OUT, "normal", False] == 0
