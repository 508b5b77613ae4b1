"""The step as a whole, with models whose verdicts are written down here."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import polars as pl
import pytest

from rationanomaly import artifacts, records
from rationanomaly.detection.verdict import Verdict
from rationanomaly.errors import ArtifactError, InputError, TrainingError
from rationanomaly.evaluate import judging
from rationanomaly.evaluate.report import REPORT
from rationanomaly.evaluate.step import run
from rationanomaly.evaluate.summary import read_summary
from rationanomaly.params import Params, PromptParams
from rationanomaly.steps import Metrics, Outputs
from rationanomaly.text.evidence import check_evidence
from rationanomaly.text.prompt import show
from tests.hostile import KINDS, unsafe_in

HOSTILE = 'fan stopped <script>alert("1")</script> \x1b[31m <img src=x onerror=alert(1)> \u202elive '
HOSTILE += KINDS.replace("\ud800", "").replace("\u2028", "").replace("\u2029", "").replace("\x85", "") + " end"
#: template → (true label, split, what the trained models say). The test ones come last.
WORLD = {
    "link <*> lost its carrier": ("abnormal", "train", "abnormal"),
    "job <*> started on <*>": ("normal", "train", "normal"),
    "heartbeat from <*> received": ("normal", "train", "normal"),
    "uncorrectable error on bank <*>": ("abnormal", "validation", "abnormal"),
    "user <*> logged in": ("normal", "validation", "normal"),
    "power supply <*> has failed": ("abnormal", "test", "abnormal"),
    "filesystem <*> remounted read only": ("abnormal", "test", "normal"),
    "job <*> done in <*> ms": ("normal", "test", "normal"),
    HOSTILE: ("normal", "test", "invalid"),
}


@dataclass(frozen=True)
class ScriptedDetector:
    """Says what `WORLD` says; the base says nothing that parses."""

    learnt_validation: ClassVar[bool] = False

    name: str
    card: Any

    @classmethod
    def open(cls, folder: Path, threads: int) -> ScriptedDetector:
        prompt = PromptParams(style="compact", normalise=False, max_words=48, max_characters=2000, few_shot_examples=0)
        return cls(folder.name, SimpleNamespace(prompt=prompt, learnt_validation=cls.learnt_validation))

    def judge(self, templates: list[str], verdict: str = "reasoned") -> list[Verdict]:
        return [self._verdict(template, verdict == "reasoned") for template in templates]

    def _verdict(self, template: str, reasoned: bool) -> Verdict:
        answer: Any = "invalid" if self.name == "base" else WORLD[template][2]
        score = {"abnormal": 0.9, "normal": 0.2, "invalid": 0.4}[answer]
        if not reasoned:
            return Verdict(
                template, "abnormal" if score >= 0.5 else "normal", score, score, None, None, None, (), False
            )
        if answer == "invalid":
            return Verdict(template, answer, score, score, "invalid", False, "", (), False)
        first, *_, last = template.split()
        text = f'The log says "{first}" and then "{last}". <b>No more is needed.</b>'
        checked = check_evidence(text, show(template, self.card.prompt))
        return Verdict(template, answer, score, score, answer, True, text, checked.spans, checked.grounded)


@pytest.fixture()
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    monkeypatch.setattr(judging, "ModelDetector", ScriptedDetector)
    return write_inputs(tmp_path)


def write_inputs(folder: Path, truth: str = "line,label\n", log: bool = True) -> dict[str, Path]:
    """Ten sessions of ten lines; in each, every template once, and one that was learnt from twice."""
    inputs = {name: folder / name for name in ("parse", "correct", "base", "sft", "grpo", "truth")}
    for name in ("parse", "correct", "base", "sft", "grpo"):
        inputs[name].mkdir()
    inputs["truth"].write_text(truth, encoding="utf-8")
    # Held-out templates first: no chronological split.
    names = list(reversed(WORLD))
    order = [*names, names[-1]] * 10 if log else []
    lines = pl.DataFrame(
        {
            "line": range(1, len(order) + 1),
            "alert": [WORLD[name][0] == "abnormal" for name in order],
            "template_id": [records.template_id(name) for name in order],
        },
        schema={"line": pl.Int64, "alert": pl.Boolean, "template_id": pl.String},
    )
    write(inputs["parse"] / records.LINES, lines, records.LINES_SCHEMA)
    sessions = lines.group_by(((pl.col("line") - 1) // 10).alias("session"), maintain_order=True).agg(
        pl.col("line").first().alias("first_line"),
        pl.col("line").last().alias("last_line"),
        pl.len().alias("lines"),
        pl.col("alert").any(),
        pl.col("template_id").alias("template_ids"),
    )
    write(inputs["parse"] / records.SESSIONS, sessions, records.SESSIONS_SCHEMA)
    rows = [
        {"template_id": records.template_id(name), "template": name, "dataset": "d", "label": label, "group": number,
         "original_label": label, "split": split, "mixed": False, "lines": order.count(name),
         "first_line": order.index(name) + 1 if log else None, "corrected": False}
        for number, (name, (label, split, _)) in enumerate(WORLD.items())
    ]  # fmt: skip
    table = pl.DataFrame(rows, infer_schema_length=None)
    write(inputs["parse"] / records.TEMPLATES, table, records.TEMPLATES_SCHEMA)
    write(inputs["correct"] / records.LABELLED, table, records.LABELLED_SCHEMA)
    curve = [{"step": float(n), "reward": 0.1 * n, "terms/answer": 0.5, "terms/answer_spread": 0.1} for n in range(8)]
    records.write_rows(inputs["grpo"] / records.CURVES, curve)
    return inputs


def write(path: Path, table: pl.DataFrame, schema: pl.Schema) -> None:
    missing = [pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in table.columns]
    records.write_table(path, table.with_columns(missing), schema)


def evaluate(params: Params, inputs: dict[str, Path], folder: Path) -> Metrics:
    folder.mkdir(parents=True)
    return run(params, inputs, Outputs(folder, folder.parent / "state"))


@pytest.fixture()
def quick(params: Params) -> Params:
    return params.model_copy(update={"evaluate": params.evaluate.model_copy(update={"bootstrap": 20})})


def test_metrics_of_the_final_model(quick: Params, folders: dict[str, Path], tmp_path: Path) -> None:
    metrics = evaluate(quick, folders, tmp_path / "out")
    assert metrics["template/rows"] == 4
    assert metrics["template/abnormal/recall"] == 0.5
    assert metrics["template/abnormal/precision"] == 1
    assert metrics["template/normal/recall"] == 0.5, "invalid is not normal"
    assert metrics["template/invalid/rate"] == 0.25
    assert metrics["format/rate"] == 0.75
    assert metrics["grounding/rate"] == 0.75
    assert metrics["base/format/rate"] == 0
    assert metrics["base/template/invalid/rate"] == 1
    assert metrics["template/coverage"] == metrics["session/coverage"] == 1
    assert metrics["session/rows"] == 10
    assert metrics["session/abnormal/f1"] == 1
    assert metrics.keys() >= {
        "reference/template/abnormal/ap",
        "sft/template/macro/f1",
        "difference/template/abnormal/f1",
    }
    assert all(math.isfinite(value) for value in metrics.values())


def test_files_hold_every_prediction_of_every_model(quick: Params, folders: dict[str, Path], tmp_path: Path) -> None:
    evaluate(quick, folders, tmp_path / "out")
    rows = [row for _, row in records.read_objects(tmp_path / "out" / records.PREDICTIONS)]
    assert [row["model"] for row in rows] == [name for name in judging.MODELS for _ in range(4)]
    assert {row["template"] for row in rows} == {name for name, (_, split, _) in WORLD.items() if split == "test"}
    sessions = [row for _, row in records.read_objects(tmp_path / "out" / records.SESSION_PREDICTIONS)]
    assert len(sessions) == 10 * len(judging.MODELS)
    assert {row["lines"] for row in sessions} == {4}, "lines of training templates do not count"
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names >= {
        "pr_curve.png",
        "pr_curve.csv",
        "pr_curve_sft.csv",
        "reward_curves.png",
        "reward_curves.csv",
        REPORT,
    }
    header = (tmp_path / "out" / "reward_curves.csv").read_text().splitlines()[0]
    assert header == "step,reward,terms/answer"


def test_twice_the_same_inputs_give_the_same_bytes(quick: Params, folders: dict[str, Path], tmp_path: Path) -> None:
    for name in ("one", "two"):
        metrics = evaluate(quick, folders, tmp_path / name)
        artifacts.write_json(tmp_path / name / records.METRICS, metrics)
    assert artifacts.sha256(tmp_path / "one") == artifacts.sha256(tmp_path / "two")


def test_hostile_text_is_inert_in_the_report(quick: Params, folders: dict[str, Path], tmp_path: Path) -> None:
    evaluate(quick, folders, tmp_path / "out")
    page = (tmp_path / "out" / REPORT).read_text(encoding="utf-8")
    assert "alert(1)" in page, "the mistake is shown"
    for live in ("<script", "<img src=x", "<b>", "\x1b", "\u202e"):
        assert live not in page
    assert not unsafe_in(page)
    assert "default-src 'none'" in page


def test_truth_file_overrules_labels(quick: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "ModelDetector", ScriptedDetector)
    rows = "".join(f"{line},abnormal\n" for line in range(1, 101))
    metrics = evaluate(quick, write_inputs(tmp_path, "line,label\n" + rows), tmp_path / "out")
    assert metrics["template/positives"] == 4
    assert metrics["template_corrected/positives"] == 2
    assert "template/normal/f1" not in metrics


def test_truth_that_ends_too_early_is_refused(quick: Params, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 2"):
        evaluate(quick, write_inputs(tmp_path, "line,label\n1,normal\n"), tmp_path / "out")


def test_table_of_templates_has_metrics_without_sessions(
    quick: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "ModelDetector", ScriptedDetector)
    metrics = evaluate(quick, write_inputs(tmp_path, log=False), tmp_path / "out")
    assert metrics["template/abnormal/recall"] == 0.5
    assert not [name for name in metrics if name.startswith("session/")]


def test_without_a_test_side_metrics_are_called_validation(
    quick: Params, folders: dict[str, Path], tmp_path: Path
) -> None:
    path = folders["correct"] / records.LABELLED
    table = records.read_table(path, records.LABELLED_SCHEMA)
    sides = pl.when(pl.col("split") == "test").then(pl.lit("train")).otherwise("split")
    records.write_table(path, table.with_columns(split=sides), records.LABELLED_SCHEMA)
    metrics = evaluate(quick, folders, tmp_path / "out")
    assert metrics["template/rows"] == 2
    assert "Validation figures" in (tmp_path / "out" / REPORT).read_text(encoding="utf-8")


def test_a_model_that_has_learnt_the_validation_side_is_not_tested_on_it(
    quick: Params, folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ScriptedDetector, "learnt_validation", True)
    evaluate(quick, folders, tmp_path / "tested")
    path = folders["correct"] / records.LABELLED
    table = records.read_table(path, records.LABELLED_SCHEMA)
    sides = pl.when(pl.col("split") == "test").then(pl.lit("train")).otherwise("split")
    records.write_table(path, table.with_columns(split=sides), records.LABELLED_SCHEMA)
    with pytest.raises(ArtifactError, match=r"has learnt the validation templates.*sft\.learn_validation"):
        evaluate(quick, folders, tmp_path / "untested")


def test_each_data_set_is_measured_under_a_name_that_mlflow_takes(
    quick: Params, folders: dict[str, Path], tmp_path: Path
) -> None:
    path = folders["correct"] / records.LABELLED
    table = records.read_table(path, records.LABELLED_SCHEMA)
    name = pl.when(pl.col("template").str.contains("job")).then(pl.lit("a b\n<c>")).otherwise(pl.lit("BGL"))
    records.write_table(path, table.with_columns(dataset=name), records.LABELLED_SCHEMA)
    metrics = evaluate(quick, folders, tmp_path / "out")
    assert metrics["by_dataset/BGL/template/rows"] == 3
    assert metrics["by_dataset/a_b__c_/template/rows"] == 1
    assert "difference/by_dataset/BGL/template/abnormal/f1" in metrics


def test_score_that_is_no_number_is_refused(
    quick: Params, folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def judge(self: ScriptedDetector, templates: list[str], verdict: str = "reasoned") -> list[Verdict]:
        return [
            Verdict(template, "normal", math.nan, math.nan, "normal", True, "", (), False) for template in templates
        ]

    monkeypatch.setattr(ScriptedDetector, "judge", judge)
    with pytest.raises(TrainingError, match="no number"):
        evaluate(quick, folders, tmp_path / "out")


def test_summary_is_read_back(quick: Params, folders: dict[str, Path], tmp_path: Path) -> None:
    with artifacts.writing(tmp_path / "evaluate", "evaluate") as folder:
        metrics = run(quick, folders, Outputs(folder, tmp_path))
        artifacts.write_json(folder / records.METRICS, metrics)
    summary = read_summary(tmp_path)
    assert (summary.side, summary.templates, summary.positives, summary.sessions) == ("test", 4, 2, 10)
    assert [model.name for model in summary.models] == list(judging.MODELS)
    final = summary.models[2]
    assert (final.template.recall, final.session.f1, final.format) == (0.5, 1, 0.75)
    assert summary.models[3].format is None
    assert len(summary.examples) == 3
    assert {example.answer == example.truth for example in summary.examples} == {True, False}
    assert summary.registered is None
    assert json.loads((tmp_path / "evaluate" / records.METRICS).read_bytes())["template/rows"] == 4
