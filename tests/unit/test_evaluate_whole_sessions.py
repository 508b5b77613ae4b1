"""The step where sessions came with a split of their own: session models, their rivals, and leaks that stop it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from rationanomaly import records
from rationanomaly.errors import GateError
from rationanomaly.evaluate import judging_models, plots
from rationanomaly.evaluate.report_files import TIMELINES
from rationanomaly.evaluate.session_systems import fits
from rationanomaly.evaluate.step import run
from rationanomaly.evaluate.systems import COUNTED, SESSION_MODEL, SESSION_SYSTEMS
from rationanomaly.params import Params
from rationanomaly.session_models.chosen import write_session_model
from rationanomaly.session_models.fitting import Lessons
from rationanomaly.steps import Metrics, Outputs
from rationanomaly.thresholds import ThresholdRule
from tests.sealed import seal
from tests.unit.test_evaluate_step import WORLD, ScriptedDetector, write, write_inputs

FAULT, LATE = "link <*> lost its carrier", "power supply <*> has failed"
START, PULSE, LOGIN = "job <*> started on <*>", "heartbeat from <*> received", "user <*> logged in"
#: Sessions of each side: train, validation, test.
SIZES = {"train": 160, "validation": 60, "test": 80}


@pytest.fixture()
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """A quarter of the sessions is abnormal: a fault, a heartbeat that never follows, or in the test a new fault."""
    monkeypatch.setattr(judging_models, "ModelDetector", ScriptedDetector)
    monkeypatch.setattr(ScriptedDetector, "asked", [])
    monkeypatch.setattr(plots, "_save", lambda _, path: path.touch())
    folders = write_inputs(tmp_path, log=False)
    random = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    line = 1
    for side, size in SIZES.items():
        for number in range(size):
            names = [START, *[PULSE] * int(random.integers(2, 5)), *([LOGIN] if random.random() < 0.3 else [])]
            kind = number % 8
            if kind == 0:
                names.insert(1, LATE if side == "test" and number % 16 else FAULT)
            elif kind == 1:
                names = [name for name in names if name != PULSE]
            rows.append({
                "session": f"{side} {number}", "first_line": line, "last_line": line + len(names) - 1,
                "lines": len(names), "alert": kind < 2, "split": side,
                "template_ids": [records.template_id(name) for name in names],
            })  # fmt: skip
            line += len(names)
    sessions = pl.DataFrame(rows)
    write(folders["parse"] / records.SESSIONS, sessions, records.SESSIONS_SCHEMA)
    lines = sessions.select(template_id="template_ids").explode("template_id").with_row_index("line", 1)
    write(folders["parse"] / records.LINES, lines, records.LINES_SCHEMA)
    lessons = Lessons.read(folders["parse"], labelled(folders))
    scores = [0.9 if WORLD[text][0] == "abnormal" else 0.1 for text in lessons.texts]
    chosen = lessons.fit(scores, ThresholdRule(), 0)
    assert chosen is not None
    write_session_model(chosen, folders["grpo"])
    seal(folders["grpo"], "grpo")
    return folders


def labelled(folders: dict[str, Path]) -> pl.DataFrame:
    return records.read_table(folders["correct"] / records.LABELLED, records.LABELLED_SCHEMA)


@pytest.fixture()
def quick(params: Params) -> Params:
    model = params.model.model_copy(update={"encoder": "none"})
    evaluate = params.evaluate.model_copy(update={"bootstrap": 20, "free_rows": 0})
    return params.model_copy(update={"model": model, "evaluate": evaluate})


def evaluate(params: Params, inputs: dict[str, Path], folder: Path) -> Metrics:
    folder.mkdir(parents=True)
    return run(params, inputs, Outputs(folder, folder.parent / "state"))


def test_what_no_line_shows_is_found_explained_and_held_against_the_others(
    quick: Params, inputs: dict[str, Path], tmp_path: Path
) -> None:
    metrics = evaluate(quick, inputs, tmp_path / "out")
    assert metrics["session/rows"] == metrics["session_model/rows"] == SIZES["test"]
    assert metrics["session_model/positives"] == SIZES["test"] / 4
    assert metrics["session_model/abnormal/f1"] > 0.8 > metrics["session/abnormal/f1"], "half of them is in no line"
    assert metrics["session_model_distinct/rows"] < metrics["session_model/rows"]
    for name in COUNTED:
        assert metrics[f"{name}/session/rows"] == SIZES["test"]
        assert f"{name}/session/abnormal/f1/low" in metrics
        assert f"difference/{name}/session_model/abnormal/f1/low" in metrics
        assert not [key for key in metrics if key.startswith(f"{name}/") and "calibration" in key]
    assert not [key for key in metrics if key.startswith("deeplog/")], "it is trained on demand"
    assert any(key.startswith("session_model/validation/maximum/") for key in metrics)

    rows = [row for _, row in records.read_objects(tmp_path / "out" / records.SESSION_PREDICTIONS)]
    mine = [row for row in rows if row["model"] == SESSION_MODEL]
    assert len(mine) == SIZES["test"]
    alarms = [row for row in mine if row["answer"] == "abnormal"]
    assert alarms
    assert all(row["reasons"] for row in alarms)
    assert not any(row["reasons"] for row in mine if row["answer"] == "normal")
    silent = next(row for row in alarms if row["session"] == "test 1")
    assert any("heartbeat" in reason["text"] for reason in silent["reasons"])
    hits = sum(row["truth"] == "abnormal" for row in alarms)
    assert metrics["session_model/abnormal/precision"] == pytest.approx(hits / len(alarms))
    assert {row["session"] for _, row in records.read_objects(tmp_path / "out" / TIMELINES)} <= {
        row["session"] for row in mine
    }


def test_a_model_folder_without_a_session_model_has_its_worst_template(
    quick: Params, inputs: dict[str, Path], tmp_path: Path
) -> None:
    for file in inputs["grpo"].glob("session_model.*"):
        file.unlink()
    (inputs["grpo"] / "manifest.json").unlink()
    seal(inputs["grpo"], "grpo")
    none = quick.model_copy(update={"evaluate": quick.evaluate.model_copy(update={"session_baselines": "none"})})
    metrics = evaluate(none, inputs, tmp_path / "out")
    assert "session_model/abnormal/f1" not in metrics
    assert not [key for key in metrics if key.split("/")[0] in SESSION_SYSTEMS]
    assert "difference/keyword/session_tuned/abnormal/f1" in metrics


def test_every_published_model_is_there_on_demand(quick: Params) -> None:
    settings = quick.evaluate.model_copy(update={"session_baselines": "all"})
    assert tuple(fits(settings, lambda texts: np.zeros((len(texts), 1), np.float32))) == SESSION_SYSTEMS


@pytest.mark.parametrize("leak", ["same template", "near-duplicate", "later session"])
def test_a_planted_leak_fails_the_step(quick: Params, inputs: dict[str, Path], tmp_path: Path, leak: str) -> None:
    table = labelled(inputs)
    if leak == "later session":
        path = inputs["parse"] / records.SESSIONS
        sessions = records.read_table(path, records.SESSIONS_SCHEMA)
        last = pl.col("first_line") == pl.col("first_line").max()
        side = pl.when(last).then(pl.lit("train")).otherwise("split")
        records.write_table(path, sessions.with_columns(split=side), records.SESSIONS_SCHEMA)
    else:
        text = FAULT if leak == "same template" else FAULT.replace("carrier", "carriers")
        copied = table.filter(pl.col("template") == FAULT).with_columns(
            template=pl.lit(text), template_id=pl.lit(records.template_id(text)), split=pl.lit("test"),
            group=pl.lit(99, pl.Int64),
        )  # fmt: skip
        write(inputs["correct"] / records.LABELLED, pl.concat([table, copied]), records.LABELLED_SCHEMA)
    in_order = quick.parse.sessions.model_copy(update={"test_share": 0.25})
    by_time = quick.model_copy(update={"parse": quick.parse.model_copy(update={"sessions": in_order})})
    with pytest.raises(GateError, match="the test leaks"):
        evaluate(by_time, inputs, tmp_path / "out")
    assert not (tmp_path / "out" / records.PREDICTIONS).exists()
