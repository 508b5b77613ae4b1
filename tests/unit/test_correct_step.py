"""The step `correct` as a whole: files in, files out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from rationanomaly import records
from rationanomaly.correct.report import REPORT
from rationanomaly.correct.step import PROBLEMS, run
from rationanomaly.decisions.ledger import Decision, write_decision
from rationanomaly.errors import GateError, InputError
from rationanomaly.params import Params, load_params
from rationanomaly.steps import Metrics, Outputs
from tests.hostile import KINDS, unsafe_in
from tests.template_table import template_table

ROOT = Path(__file__).resolve().parents[2]
Runner = Callable[..., tuple[Metrics, Path]]


def vote(template: str, reviewer: str, decision: str, round_: str = "independent", category: str | None = None) -> str:
    """One line of a ledger."""
    fields = (records.template_id(template), template, reviewer, decision, category, "", "2026-01-01T00:00:00Z", round_)
    return write_decision(Decision(*fields)) + "\n"  # type: ignore[arg-type]


THINGS = ("disk", "router", "kernel", "mailer", "queue", "printer", "scheduler", "firewall", "tape", "monitor")
ROWS: list[tuple[str, str, str | None]] = [
    *(("site", f"{thing} finished its morning round after <*> seconds", "normal") for thing in THINGS),
    *(("site", f"cannot wake the {thing}: giving up", "abnormal") for thing in THINGS),
    *(("site", f"{thing} greets {other} politely", "normal") for thing in THINGS for other in THINGS[:3]),
]


@pytest.fixture
def correct(tmp_path: Path) -> Runner:
    def run_on(rows: list[tuple[str, str, str | None]], ledger: str, *settings: str) -> tuple[Metrics, Path]:
        parse, output = tmp_path / "parse", tmp_path / "output"
        for folder in (parse, output):
            folder.mkdir(exist_ok=True)
        records.write_table(parse / records.TEMPLATES, template_table(rows), records.TEMPLATES_SCHEMA)
        (tmp_path / "ledger").write_text(ledger, encoding="utf-8")
        params = load_params(ROOT / "params.yaml", settings)
        inputs = {"parse": parse, "ledger": tmp_path / "ledger"}
        return run(params, inputs, Outputs(output, tmp_path / "state")), output

    return run_on


def labelled(folder: Path) -> pl.DataFrame:
    return records.read_table(folder / records.LABELLED, records.LABELLED_SCHEMA)


def test_an_empty_ledger_keeps_every_label(correct: Runner) -> None:
    metrics, output = correct(ROWS, "")
    table = labelled(output)
    assert metrics["corrected"] == 0
    assert table["label"].to_list() == [label for _, _, label in ROWS]
    assert set(table["split"]) == {"train", "validation", "test"}


def test_decisions_change_labels_and_leave_their_history(correct: Runner) -> None:
    template = ROWS[-1][1]
    metrics, output = correct(ROWS, vote(template, "ada", "abnormal", category="network issue"))
    row = labelled(output).filter(pl.col("template") == template).row(0, named=True)
    assert (row["original_label"], row["label"], row["corrected"]) == ("normal", "abnormal", True)
    assert row["category"] == "network issue"
    assert row["history"] == ["2026-01-01T00:00:00Z independent: ada said abnormal (network issue)"]
    assert metrics["corrected/to_abnormal"] == 1
    assert "| network issue | 1 |" in (output / REPORT).read_text()


def test_a_template_without_label_and_decision_goes_to_the_review_queue(correct: Runner) -> None:
    metrics, output = correct([*ROWS, ("site", "never judged before", None)], "")
    queue = [json.loads(line) for line in (output / records.REVIEW_QUEUE).read_text().splitlines()]
    assert [(row["template"], row["needs"]) for row in queue] == [("never judged before", "independent")]
    assert "never judged before" not in labelled(output)["template"].to_list()
    assert metrics["review_queue"] == 1


def test_bad_lines_are_reported_and_good_ones_count(correct: Runner) -> None:
    good, again = vote(ROWS[0][1], "ada", "abnormal"), vote(ROWS[0][1], "ada", "normal")
    ledger = [
        good,
        "not json\n",
        vote("unheard of", "ada", "abnormal"),
        vote(ROWS[1][1], "ada", "perhaps"),
        again,
        vote(ROWS[2][1], "bob", "abnormal"),
        vote(ROWS[2][1], "bob", "abnormal", "panel").replace("2026", "2025"),
        vote(ROWS[3][1], "ada", "abnormal")[:40],
    ]
    _, output = correct(ROWS, "".join(ledger))
    problems = [json.loads(line) for line in (output / PROBLEMS).read_text().splitlines()]
    found = {(problem["line"], problem["code"], problem["counts"]) for problem in problems}
    assert found == {
        (2, "not_json", False), (3, "unknown_template", False), (4, "label", False), (5, "twice", True),
        (7, "clock", True), (8, "truncated", False),
    }  # fmt: skip
    labels = dict(labelled(output).select("template", "label").iter_rows())
    assert (labels[ROWS[0][1]], labels[ROWS[2][1]], labels[ROWS[3][1]]) == ("normal", "abnormal", "normal")


def test_one_class_is_refused_with_a_hint(correct: Runner) -> None:
    with pytest.raises(InputError, match=r"all normal.*add decisions"):
        correct([row for row in ROWS if row[2] == "normal"], "")


def test_reviewers_who_disagree_stop_the_pipeline_only_above_the_minimum(correct: Runner) -> None:
    pairs = [("abnormal", "normal"), ("normal", "abnormal"), ("normal", "normal"), ("abnormal", "abnormal")]
    ledger = "".join(
        vote(ROWS[row][1], "ada", one) + vote(ROWS[row][1], "bob", other) for row, (one, other) in enumerate(pairs)
    )
    with pytest.raises(GateError, match=r"kappa is 0\.000 on 4 templates .*ada and bob"):
        correct(ROWS, ledger)
    metrics, _ = correct(ROWS, ledger, "correct.minimum_kappa=-1")
    assert metrics["agreement/fleiss_kappa"] == 0
    alone = "".join(line + "\n" for line in ledger.splitlines() if '"ada"' in line)
    metrics, _ = correct(ROWS, alone)
    assert "agreement/fleiss_kappa" not in metrics


def test_equal_inputs_give_equal_bytes(correct: Runner) -> None:
    ledger = vote(ROWS[0][1], "ada", "abnormal") + vote(ROWS[0][1], "bob", "abnormal")
    first = {path.name: path.read_bytes() for path in correct(ROWS, ledger)[1].iterdir()}
    assert first == {path.name: path.read_bytes() for path in correct(ROWS, ledger)[1].iterdir()}


def test_hostile_text_is_inert_in_the_report(correct: Runner) -> None:
    template = "|<script>alert(`1`)</script>|\u202e\n# heading" + KINDS.replace("\ud800", "")
    _, output = correct([*ROWS, ("site", template, "normal")], vote(template, "ada", "abnormal"))
    report = (output / REPORT).read_text()
    assert "<script>" not in report
    assert "¦‹script›alert('1')‹/script›¦" in report
    assert "\n# heading" not in report
    assert not unsafe_in(report)


def test_the_published_patch_changes_exactly_126_labels(
    correct: Runner, shared_data: Path, tmp_path: Path, params: Params
) -> None:
    table = pl.read_csv(shared_data / "templates" / "templates.csv")
    patch = (shared_data / "templates" / "corrections.json").read_text(encoding="utf-8")
    metrics, output = correct(table.rows(), patch)
    assert (metrics["corrected"], metrics["corrected/to_abnormal"], metrics["corrected/to_normal"]) == (126, 123, 3)
    sides = labelled(output)["split"].value_counts()
    assert {side: rows / len(table) for side, rows in sides.iter_rows()} == pytest.approx(
        {"train": 0.6, "validation": 0.15, "test": 0.25}, abs=0.002
    )


def with_sessions(folder: Path, sessions: list[tuple[str, list[str]]]) -> None:
    """The table of sessions beside the templates, from each session's side and its templates."""
    rows = [
        {"session": f"s{place}", "first_line": place, "last_line": place, "lines": len(texts), "alert": False,
         "template_ids": [records.template_id(text) for text in texts], "split": split}
        for place, (split, texts) in enumerate(sessions)
    ]  # fmt: skip
    table = pl.DataFrame(rows, schema=records.SESSIONS_SCHEMA)
    (folder / "parse").mkdir()
    records.write_table(folder / "parse" / records.SESSIONS, table, records.SESSIONS_SCHEMA)


def test_the_split_follows_that_of_the_sessions(correct: Runner, tmp_path: Path) -> None:
    texts = [template for _, template, _ in ROWS]
    known, new = [text for text in texts if "tape" not in text], [text for text in texts if "tape" in text]
    with_sessions(tmp_path, [("train", known[:20]), ("validation", known[20:]), ("test", new), ("test", known[:5])])
    _, output = correct(ROWS, "")
    sides = dict(labelled(output).select("template", "split").iter_rows())
    groups = dict(labelled(output).select("template", "group").iter_rows())
    assert {sides[text] for text in known} == {"train", "validation"}
    known_groups = {groups[text] for text in known}
    assert {sides[text] for text in new if groups[text] in known_groups} <= {"left out"}
    assert {sides[text] for text in new if groups[text] not in known_groups} <= {"test"}


def test_sessions_without_a_split_change_nothing(correct: Runner, tmp_path: Path) -> None:
    _, output = correct(ROWS, "")
    before = labelled(output)
    for file in output.iterdir():
        file.unlink()
    (tmp_path / "parse" / records.TEMPLATES).unlink()
    (tmp_path / "parse").rmdir()
    with_sessions(tmp_path, [])
    _, output = correct(ROWS, "")
    assert labelled(output).equals(before)
