"""What is true of lines, templates and sessions, and which sessions are tested."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from rationanomaly.errors import InputError
from rationanomaly.evaluate.session_threshold import calibration_sessions, tune
from rationanomaly.evaluate.sessions import TESTED_SCHEMA, choose_sessions
from rationanomaly.evaluate.truth import label_lines, label_templates, read_truth
from rationanomaly.records import LABELLED_SCHEMA, LINES_SCHEMA, SESSIONS_SCHEMA
from rationanomaly.thresholds import ThresholdRule

# ---------------------------------------------------------------- the truth file


def truth_file(folder: Path, text: str) -> Path:
    path = folder / "truth.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_header_alone_means_that_nobody_knows(tmp_path: Path) -> None:
    assert read_truth(truth_file(tmp_path, "line,label\n")) is None


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("line,label\n1,normal\n2,weird\n", 3, "unknown label"),
        ("line,label\n1,normal\nx,normal\n", 3, "no line number"),
        ("line,label\n0,normal\n", 2, "no line number"),
        ("line,label\n1,normal\n1,abnormal\n", 3, "second time"),
        ("line,label\n1,\n", 2, "unknown label"),
        ("number,label\n1,normal\n", 1, "not line and label"),
    ],
)
def test_wrong_truth_is_refused_with_its_line(tmp_path: Path, text: str, line: int, problem: str) -> None:
    with pytest.raises(InputError, match=problem) as error:
        read_truth(truth_file(tmp_path, text))
    assert error.value.line == line
    assert error.value.hint


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00,\n", b'line,label\n"1,normal\n'])
def test_what_is_no_csv_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "truth.csv").write_bytes(content)
    with pytest.raises(InputError):
        read_truth(tmp_path / "truth.csv")


# ---------------------------------------------------------------- a small log


def make_lines(templates: str, alerts: str) -> pl.DataFrame:
    """One line per letter: its template; ``!`` at its place in ``alerts``: an alert line; ``?``: without a tag."""
    tags = {"!": True, "?": None}
    rows = {
        "line": range(1, len(templates) + 1),
        "template_id": templates,
        "alert": [tags.get(a, False) for a in alerts],
    }
    table = pl.DataFrame({k: list(v) for k, v in rows.items()}, schema_overrides={"alert": pl.Boolean})
    missing = {name: kind for name, kind in LINES_SCHEMA.items() if name not in table.columns}
    table = table.with_columns(pl.lit(None, kind).alias(name) for name, kind in missing.items())
    return table.select(LINES_SCHEMA.names()).cast(LINES_SCHEMA)


def make_sessions(lines: pl.DataFrame, size: int) -> pl.DataFrame:
    window = ((pl.col("line") - 1) // size).cast(pl.String).alias("session")
    return cut(lines.with_columns(window))


def cut(lines: pl.DataFrame) -> pl.DataFrame:
    rows = lines.group_by("session", maintain_order=True).agg(
        first_line=pl.col("line").first(),
        last_line=pl.col("line").last(),
        lines=pl.len().cast(pl.Int64),
        alert=pl.col("alert").any(),
        split=pl.lit(None, pl.String),
        template_ids="template_id",
    )
    return rows.select(SESSIONS_SCHEMA.names()).cast(SESSIONS_SCHEMA)


def make_labelled(lines: pl.DataFrame, labels: dict[str, str]) -> pl.DataFrame:
    rows = []
    for number, (name, label) in enumerate(labels.items()):
        mine = lines.filter(pl.col("template_id") == name)["line"]
        row = dict.fromkeys(LABELLED_SCHEMA.names())
        row |= {"template_id": name, "template": f"template {name}", "dataset": "d", "label": label, "group": number}
        rows.append(row | {"lines": len(mine), "first_line": mine.min() if len(mine) else None, "mixed": False})
    return pl.DataFrame(rows, schema=LABELLED_SCHEMA)


LABELS = {"a": "normal", "b": "abnormal", "c": "normal", "d": "abnormal"}

# ---------------------------------------------------------------- templates


def test_template_is_abnormal_from_the_share_on(tmp_path: Path) -> None:
    lines = make_lines("aaaabb", "......")
    truth = read_truth(truth_file(tmp_path, "line,label\n" + "".join(f"{n},{label}\n" for n, label in enumerate(
        ["abnormal", "abnormal", "normal", "normal", "normal", "normal"], start=1))))  # fmt: skip
    lines = label_lines(lines, truth, tmp_path)
    labelled = make_labelled(lines, LABELS)
    at_half = label_templates(labelled, lines, True, 0.5)
    assert at_half["truth"].to_list() == ["abnormal", "normal", "normal", "abnormal"]
    assert at_half["minority_lines"].to_list() == [2, 0, 0, 0]
    assert label_templates(labelled, lines, True, 0.51)["truth"].to_list() == ["normal", "normal", "normal", "abnormal"]


def test_alert_tags_do_not_overrule_the_experts() -> None:
    lines = label_lines(make_lines("ab", "!."), None, Path())
    assert label_templates(make_labelled(lines, LABELS), lines, False, 0.5)["truth"].to_list() == list(LABELS.values())


def test_truth_of_another_log_is_refused(tmp_path: Path) -> None:
    truth = read_truth(truth_file(tmp_path, "line,label\n1,normal\n"))
    with pytest.raises(InputError, match="line 2"):
        label_lines(make_lines("ab", ".."), truth, tmp_path / "truth.csv")


# ---------------------------------------------------------------- which sessions


def test_split_by_template_leaves_only_held_out_lines() -> None:
    #                  0    1    2    3
    lines = make_lines("acb" "aca" "bdb" "aad", "..!" "..." "!.!" "..!")  # fmt: skip
    lines = lines.with_columns(abnormal="alert")
    chosen = choose_sessions(make_sessions(lines, 3), lines, make_labelled(lines, LABELS), frozenset("cd"))
    assert chosen.scope == "held-out lines"
    assert chosen.table["session"].to_list() == ["0", "1", "2", "3"]
    assert chosen.table["templates"].to_list() == [["c"], ["c"], ["d"], ["d"]]
    # The alert lines of b were learnt from and do not count; the line of d in session 2 carries no alert.
    assert chosen.table["truth"].to_list() == [False, False, False, True]
    assert chosen.table["corrected"].to_list() == [False, False, True, True]


def test_chronological_split_tests_whole_sessions_after_training() -> None:
    lines = make_lines("aba" "bac" "adc" "bab", "..." "..." "..!" "!..")  # fmt: skip
    lines = lines.with_columns(abnormal="alert")
    chosen = choose_sessions(make_sessions(lines, 3), lines, make_labelled(lines, LABELS), frozenset("cd"))
    assert chosen.scope == "after training"
    assert chosen.table["session"].to_list() == ["2", "3"]
    assert chosen.table["templates"].to_list() == [["a", "c", "d"], ["a", "b"]]
    assert chosen.table["truth"].to_list() == [True, True]


def test_truth_is_unknown_without_tags() -> None:
    lines = make_lines("cacaca", "??????").with_columns(abnormal="alert")
    table = choose_sessions(make_sessions(lines, 2), lines, make_labelled(lines, LABELS), frozenset("c")).table
    assert table["truth"].to_list() == [None] * 3
    assert table["corrected"].to_list() == [False] * 3


def test_sessions_that_interleave_take_the_truth_of_their_templates() -> None:
    lines = make_lines("acacdb", "....!.").with_columns(abnormal="alert")
    sessions = cut(lines.with_columns(session=pl.Series(["x", "y", "x", "x", "y", "x"])))
    table = choose_sessions(sessions, lines, make_labelled(lines, LABELS), frozenset("cd")).table.sort("session")
    assert table["templates"].to_list() == [["c"], ["c", "d"]]
    assert table["truth"].to_list() == [False, True]


def test_table_of_templates_has_no_sessions() -> None:
    lines = make_lines("", "").with_columns(abnormal="alert")
    labelled = make_labelled(lines, LABELS)
    assert choose_sessions(SESSIONS_SCHEMA.to_frame(), lines, labelled, frozenset("cd")).table.is_empty()


# ---------------------------------------------------------------- a threshold for sessions


#: The score and the truth of ten sessions; the last one's template has no verdict.
SCORED = {"a": (0.9, True), "b": (0.8, True), "c": (0.7, False), "d": (0.6, True), "e": (0.5, True), "f": (0.4, False),
          "g": (0.3, False), "h": (0.2, True), "i": (0.1, False), "j": (None, False)}  # fmt: skip
TEMPLATE_SCORES = {key: score for key, (score, _) in SCORED.items() if score is not None}


def calibration_of(truths: dict[str, bool | None]) -> pl.DataFrame:
    """A session for each template, with one more that is calmer."""
    rows = [
        {"session": key, "lines": 2, "templates": sorted({key, "i"} if key != "j" else {key}), "truth": None,
         "corrected": truth} for key, truth in truths.items()
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=TESTED_SCHEMA)


@pytest.mark.parametrize(
    ("rule", "threshold"),
    [
        (ThresholdRule("max_f1"), 0.45),  # finds a, b, d, e and calls c: F1 .8
        (ThresholdRule("recall_floor", recall=0.8), 0.45),
        (ThresholdRule("recall_floor", recall=0.9), 0.15),
        (ThresholdRule("recall_floor", recall=0.2), 0.85),
        (ThresholdRule("cost", miss=10, false_alarm=1), 0.15),  # to find h costs two alarms, f and g
        (ThresholdRule("cost", miss=1, false_alarm=1), 0.45),  # 1 miss and 1 alarm; at .75 three misses
        (ThresholdRule("cost", miss=1, false_alarm=10), 0.75),
    ],
)
def test_sessions_threshold_follows_the_rule(rule: ThresholdRule, threshold: float) -> None:
    calibration = calibration_of({key: truth for key, (_, truth) in SCORED.items()})
    assert tune(calibration, TEMPLATE_SCORES, rule) == pytest.approx(threshold)


def test_sessions_of_which_nothing_is_known_choose_no_threshold() -> None:
    rule = ThresholdRule("max_f1")
    truths: dict[str, bool | None] = {key: truth for key, (_, truth) in SCORED.items()}
    assert tune(calibration_of(truths | {"a": None}), TEMPLATE_SCORES, rule) is None, "four positives are too few"
    assert tune(calibration_of(truths | {"c": None}), TEMPLATE_SCORES, rule) == pytest.approx(0.45)
    assert tune(TESTED_SCHEMA.to_frame(), TEMPLATE_SCORES, rule) is None


def test_calibration_holds_nothing_of_the_test() -> None:
    lines = make_lines("dcab" "acab" "bcda", "...." "...." "....").with_columns(abnormal="alert")  # fmt: skip
    labelled = make_labelled(lines, LABELS)
    sides = {"a": "train", "b": "train", "c": "validation", "d": "test"}
    labelled = labelled.with_columns(split=pl.col("template_id").replace_strict(sides))
    table = calibration_sessions(make_sessions(lines, 4), lines, labelled)
    assert table["templates"].to_list() == [["c"]] * 3


def test_calibration_by_time_ends_before_the_test() -> None:
    lines = make_lines("abab" "bcab" "acba" "cdab", "." * 16).with_columns(abnormal="alert")  # fmt: skip
    labelled = make_labelled(lines, LABELS)
    sides = {"a": "train", "b": "train", "c": "validation", "d": "test"}
    labelled = labelled.with_columns(split=pl.col("template_id").replace_strict(sides))
    table = calibration_sessions(make_sessions(lines, 4), lines, labelled)
    assert table["session"].to_list() == ["2"]
    no_test = labelled.with_columns(split=pl.lit("validation"))
    assert calibration_sessions(make_sessions(lines, 4), lines, no_test).is_empty()
