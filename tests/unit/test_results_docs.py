"""docs/results.md is what the records say; a record holds no text."""

from __future__ import annotations

import json
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from benchmarks import results
from benchmarks.recorded_metrics import keep_bench, keep_experiment, keep_run
from benchmarks.recorded_seeds import RECORDS
from rationanomaly import artifacts
from rationanomaly.artifacts import write_json
from rationanomaly.errors import ArtifactError
from rationanomaly.evaluate.systems import TITLES
from rationanomaly.records import METRICS
from tests.conftest import ROOT

PROFILE = ROOT / "profiles" / "micro.yaml"
MEASURED = {
    "template/abnormal/f1": 0.75, "template/abnormal/f1/low": 0.5, "template/abnormal/f1/high": 0.9,
    "template/abnormal/ap": 0.625, "sft/template/abnormal/f1": 0.25, "direct/template/abnormal/f1": 0.375,
    "difference/template/abnormal/f1": 0.111, "by_dataset/BGL/template/abnormal/f1": 0.222,
    "session/abnormal/f1": 0.875, "new_event/session/abnormal/f1": 0.8125, "stress/injection/rate": 0.0625,
    "reasoned_minus_direct/template/abnormal/f1": 0.333,
}  # fmt: skip


def evaluated(folder: Path, metrics: dict[str, Any]) -> Path:
    with artifacts.writing(folder / "evaluate", "evaluate") as partial:
        (partial / METRICS).write_text(json.dumps(metrics))
    return folder / "evaluate"


def recorded(folder: Path, *seeds: int, **changed: float) -> Path:
    for seed in seeds:
        place = evaluated(folder / str(seed), MEASURED | {"template/abnormal/f1": 0.75 + seed / 10} | changed)
        keep_run(PROFILE, seed, (), place, folder / "records", "python -m something")
    return folder / "records"


def test_the_page_is_what_the_records_say() -> None:
    problem = results.differs(results.PAGE, RECORDS)
    assert problem is None, f"{problem}; write it with `python -m benchmarks.results --write`"


def test_a_page_that_says_something_else_is_found_by_its_line(tmp_path: Path) -> None:
    records = recorded(tmp_path, 0)
    page = tmp_path / "results.md"
    page.write_text(results.compose(records))
    assert results.differs(page, records) is None
    page.write_text(page.read_text().replace(".750", ".760"))
    problem = results.differs(page, records)
    assert problem is not None and ".760" in problem and ".750" in problem


def test_a_record_that_changes_makes_the_page_stale(tmp_path: Path) -> None:
    records = recorded(tmp_path, 0)
    page = tmp_path / "results.md"
    page.write_text(results.compose(records))
    record = json.loads((records / "run-micro-seed-0.json").read_text())
    record["metrics"]["sft/template/abnormal/f1"] = 0.26
    write_json(records / "run-micro-seed-0.json", record)
    assert results.differs(page, records) is not None


def test_a_profile_has_a_table_for_each_level_with_every_system(tmp_path: Path) -> None:
    page = results.compose(recorded(tmp_path, 0))
    assert "## Profile micro, seeds 0" in page
    assert "| SFT + GRPO | .750 [.500, .900] | .625 |" in page
    assert "| SFT | .250 |" in page and f"| {TITLES['new_event']} | .812 |" in page
    assert "| injection/rate | .062 |" in page
    for title in ("### Templates", "### Templates, direct verdicts", "### Sessions"):
        assert title in page
    assert not any(text in page for text in ("| .111", "| .222", "| .333")), "differences and parts are no systems"


def test_several_seeds_have_a_mean_and_students_interval(tmp_path: Path) -> None:
    page = results.compose(recorded(tmp_path, 0, 1, 2))
    assert "seeds 0, 1, 2" in page and "Student's t over the seeds" in page
    assert "| SFT + GRPO | .850 [.602, 1.098] |" in page


@pytest.mark.parametrize(
    "metrics",
    [
        {"template/abnormal/f1": "session opened for user root"},
        {"session opened for user root": 1.0},
        {"template/abnormal/f1": float("nan")},
        {"a/../b c": 0.5},
        {"template/abnormal/f1": True},
    ],
)
def test_a_record_holds_no_text(metrics: dict[str, Any], tmp_path: Path) -> None:
    place = evaluated(tmp_path, metrics)
    with pytest.raises(ArtifactError, match="is no metric"):
        keep_run(PROFILE, 0, (), place, tmp_path / "records", "python")
    assert not (tmp_path / "records").exists()


def test_what_no_evaluation_wrote_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "evaluate").mkdir()
    (tmp_path / "evaluate" / METRICS).write_text("{}")
    with pytest.raises(ArtifactError, match="no manifest"):
        keep_run(PROFILE, 0, (), tmp_path / "evaluate", tmp_path, "python")


def test_an_experiment_is_kept_without_places_on_the_disk_and_shown(tmp_path: Path) -> None:
    value_of = {"mean": 0.5, "low": 0.25, "high": 0.75, "by_seed": [0.5], "over": "groups"}
    row = {"name": "full", "title": "full method", "x": None, "series": "", "problem": None,
           "figures": {"f1": value_of}, "differences": {}, "outputs": {"grpo": str(tmp_path)}}  # fmt: skip
    document = {"experiment": "order", "title": "Ways to split", "profile": "micro", "seeds": [0], "code": "c" * 64,
                "commit": None, "command": "python -m pipelines experiment order", "seconds": 7200.0,
                "variants": [row, row | {"title": "in time", "figures": {}, "problem": "no time"}]}  # fmt: skip
    write_json(tmp_path / "experiment.json", document)
    kept = keep_experiment(tmp_path / "experiment.json", tmp_path)
    assert kept.name == "experiment-order-micro.json" and str(tmp_path) not in kept.read_text()
    page = results.compose(tmp_path)
    assert "## Ways to split: micro" in page and "| full method | .500 [.250, .750] |" in page and "2.0 h" in page
    assert "in time: not possible, no time" in page


@pytest.mark.parametrize(
    ("printed", "bars"),
    [
        ("A_BAR = 0.5 (target 0.4) ok\n", [("A_BAR", 0.5, "0.4", True)]),
        ("noise\nB_2 = -1.25 (target 0) short\n", [("B_2", -1.25, "0", False)]),
        ("CC = 3 (no target)\nDD = 1e-3\n", [("CC", 3.0, "no target", None), ("DD", 0.001, None, None)]),
    ],
)
def test_what_a_benchmark_prints_is_kept(
    printed: str, bars: list[tuple[object, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = subprocess.CompletedProcess([], 1, stdout=printed)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    found = json.loads(keep_bench("x", tmp_path).read_text())["bars"]
    assert [tuple(bar[key] for key in ("name", "value", "target", "ok")) for bar in found] == bars
    assert f"| {bars[0][0]} (`python -m benchmarks.x`) |" in results.compose(tmp_path)


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "run-micro-seed-0.json").write_text("{")
    with pytest.raises(ArtifactError, match="no record"):
        results.compose(tmp_path)


@pytest.mark.parametrize("rows", [results.PUBLISHED, results.small(Path("DIR"))], ids=["published", "small"])
def test_what_is_made_again_exists_and_the_plan_says_how_long_it_takes(rows: tuple[results.Row, ...]) -> None:
    for row in rows:
        words = list(row.arguments)
        assert (ROOT / Path(*words[0].split("."))).with_suffix(".py").is_file() or (ROOT / words[0]).is_dir(), words
        for option, after in pairwise(words):
            assert option != "--params" or (ROOT / after).is_file(), after
            assert option != "--bench" or (ROOT / "benchmarks" / f"{after}.py").is_file(), after
    plan = results.plan(rows)
    assert len(plan.splitlines()) == len(rows) + 1 and plan.rstrip().endswith("in all, on two cores")


def test_a_row_that_fails_keeps_no_other_back(tmp_path: Path) -> None:
    rows = [results.Row("a", ("json.tool", "--no-such-option"), 1), results.Row("b", ("this",), 1),
            results.Row("c", ("this",), 1, needs="../nowhere")]  # fmt: skip
    problems = results.make(rows, tmp_path, tmp_path)
    assert [problem.split(":")[0] for problem in problems] == ["a", "c"]
