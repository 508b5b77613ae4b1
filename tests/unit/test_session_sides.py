"""Which sessions teach, choose and are tested, and how they become codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from rationanomaly.records import LABELLED_SCHEMA, SESSIONS_SCHEMA
from rationanomaly.session_models.batch import SessionBatch
from rationanomaly.session_models.sides import first_line_of, session_sides
from rationanomaly.session_models.tables import batch_of, events_of, labelled_sessions, teaching_sessions


def labelled(rows: Sequence[tuple[str, str, int, str]]) -> pl.DataFrame:
    """(id, label, first line, side) of templates."""
    return pl.DataFrame(
        [
            {
                **dict.fromkeys(LABELLED_SCHEMA), "template_id": key, "template": f"text of {key}", "label": label,
                "lines": 1, "first_line": line, "group": place, "split": side,
            }
            for place, (key, label, line, side) in enumerate(rows)
        ],
        LABELLED_SCHEMA,
    )  # fmt: skip


def sessions(rows: Sequence[tuple[str, int, int, str]], given: Mapping[str, str] | None = None) -> pl.DataFrame:
    """(name, first line, last line, events as letters) of sessions, and the sides that they came with."""
    return pl.DataFrame(
        [
            {
                "session": name, "first_line": first, "last_line": last, "lines": len(events), "alert": "z" in events,
                "template_ids": list(events), "split": (given or {}).get(name),
            }
            for name, first, last, events in rows
        ],
        SESSIONS_SCHEMA,
    )  # fmt: skip


BY_TIME = labelled([("a", "normal", 1, "train"), ("b", "abnormal", 2, "train"), ("c", "normal", 11, "validation"),
                    ("d", "normal", 21, "test")])  # fmt: skip
WINDOWS = sessions([("w1", 1, 10, "aab"), ("w2", 11, 20, "ac"), ("w3", 21, 30, "ad")])


def test_by_time_a_session_is_on_the_side_of_what_has_appeared() -> None:
    assert session_sides(WINDOWS, BY_TIME).to_list() == ["train", "validation", "test"]


def test_a_session_that_reaches_into_the_next_side_is_on_none() -> None:
    late = sessions([("w1", 1, 12, "ab"), ("w2", 11, 21, "ac"), ("w3", 22, 30, "ad")])
    assert session_sides(late, BY_TIME).to_list() == [None, None, "test"]


def test_a_split_of_templates_at_random_leaves_no_session_whole() -> None:
    mixed = labelled([("a", "normal", 9, "train"), ("c", "normal", 1, "test")])
    assert session_sides(WINDOWS, mixed).to_list() == [None, None, None]


def test_without_tested_templates_no_session_is_tested() -> None:
    known = BY_TIME.filter(pl.col("split") != "test")
    assert session_sides(WINDOWS, known).to_list() == [None, None, None]


def test_sides_that_sessions_came_with_count_alone() -> None:
    given = sessions([("w1", 1, 10, "ab"), ("w2", 11, 20, "c"), ("w3", 21, 30, "a")], {"w1": "test", "w3": "train"})
    assert session_sides(given, BY_TIME).to_list() == ["test", None, "train"]


def test_a_group_appears_with_its_first_member() -> None:
    table = labelled([("a", "normal", 1, "train"), ("c", "normal", 5, "test"), ("d", "normal", 9, "test")])
    assert first_line_of(table, {"c", "d"}) == 5
    assert first_line_of(table.with_columns(group=pl.lit(0)), {"c", "d"}) is None


def test_what_teaches_has_the_experts_labels_by_time_and_its_own_where_it_came_with_a_split() -> None:
    by_time = teaching_sessions(WINDOWS, BY_TIME)
    assert by_time["abnormal"].to_list() == [True, False, False]
    given = sessions([("w1", 1, 10, "ab"), ("w2", 11, 20, "z")], {"w1": "train", "w2": "test"})
    assert teaching_sessions(given, BY_TIME)["abnormal"].to_list() == [False, True]


def test_a_session_of_unlabelled_templates_teaches_nothing() -> None:
    found = teaching_sessions(
        sessions([("w1", 1, 10, "xy"), ("w2", 11, 20, "c"), ("w3", 21, 30, "d")]),
        BY_TIME,
    )
    assert found["abnormal"].to_list() == [None, False, False]


def test_events_of_the_training_come_first_and_codes_are_their_places() -> None:
    texts = pl.DataFrame({"template_id": list("dcba"), "template": ["dd", "cc", "bb", "aa"]})
    events = events_of(texts, ["b", "a"], {"a": 0.9})
    assert events.ids == ("b", "a", "d", "c")
    assert events.texts == ("bb", "aa", "dd", "cc")
    assert events.scores.tolist() == [0.0, 0.9, 0.0, 0.0]
    batch = batch_of(pl.Series([["a", "b", "a"], [], ["c"]], dtype=pl.List(pl.String)), events)
    assert [batch.sequence(row).tolist() for row in range(3)] == [[1, 0, 1], [], [3]]


def test_only_sessions_with_a_known_truth_are_labelled_ones() -> None:
    table = teaching_sessions(WINDOWS, BY_TIME).with_columns(
        abnormal=pl.Series([True, None, False]), side=pl.lit("train")
    )
    events = events_of(BY_TIME.select("template_id", "template"), list("abcd"), {})
    found = labelled_sessions(table, "train", events)
    assert found.abnormal.tolist() == [True, False]
    assert found.teaches
    assert not labelled_sessions(table, "validation", events).teaches


def test_a_batch_counts_what_is_known() -> None:
    batch = SessionBatch.of([[0, 1, 1, 5], [], [2]])
    assert batch.counts(3).toarray().tolist() == [[1, 2, 0], [0, 0, 0], [0, 0, 1]]
    assert batch.lengths.tolist() == [4, 0, 1]
    assert batch.rows.tolist() == [0, 0, 0, 0, 2]
    assert batch.take([2, 0]).codes.tolist() == [2, 0, 1, 1, 5]
    assert np.array_equal(SessionBatch.of([]).starts, [0])


def test_a_session_with_a_template_that_is_new_chooses_and_teaches_nothing() -> None:
    table = labelled([("a", "normal", 1, "train"), ("b", "abnormal", 2, "train"), ("n", "abnormal", 3, "validation"),
                      ("o", "normal", 4, "validation")])  # fmt: skip
    rows = [(f"w{place}", 2 * place, 2 * place + 1, "ao" if place < 60 else "ab") for place in range(99)]
    rows = [*rows, ("new", 198, 199, "an"), ("late", 200, 201, "an")]
    given = {name: "test" if name == "late" else "train" for name, *_ in rows}
    sides = dict(teaching_sessions(sessions(rows, given), table).select("session", "side").iter_rows())
    assert sides["new"] == "validation"
    assert sides["late"] == "test"
    assert {sides[f"w{place}"] for place in range(99)} == {"train"}, "what most sessions hold is known"
