"""The step as a whole, with models whose verdicts are written down here."""

from __future__ import annotations

import json
import logging
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
from rationanomaly.evaluate import judging_classifiers, judging_models, plots
from rationanomaly.evaluate.predictions import FREE_TEXTS
from rationanomaly.evaluate.report import REPORT
from rationanomaly.evaluate.step import run
from rationanomaly.evaluate.summary import Summary, read_summary
from rationanomaly.evaluate.systems import CLASSIFIERS, PROMPTED, RULES, SYSTEMS
from rationanomaly.params import Params, PromptParams
from rationanomaly.register.policy import read_policy
from rationanomaly.steps import Metrics, Outputs
from rationanomaly.text.evidence import check_evidence
from rationanomaly.text.prompt import conclude, show, write_response
from rationanomaly.thresholds import ThresholdRule
from tests.conftest import ROOT
from tests.hostile import KINDS, unsafe_in
from tests.sealed import edit

#: Systems of every run: prompts need a base that can chat.
ALWAYS = tuple(name for name in SYSTEMS if name not in PROMPTED)
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


#: The scripted models' scores of what they call normal, invalid and abnormal; direct ones lie a little lower.
SCORES = {"normal": 0.2, "invalid": 0.4, "abnormal": 0.9}
LOWER = 0.05


@dataclass(frozen=True)
class ScriptedDetector:
    """Says what `WORLD` says; the base writes nothing that parses, and never finds a fault directly."""

    learnt_validation: ClassVar[bool] = False
    direct_threshold: ClassVar[float] = 0.5
    verdict: ClassVar[str] = "reasoned"
    #: (model, kind of verdict or "free", template), in the order of asking.
    asked: ClassVar[list[tuple[str, str, str]]] = []

    name: str
    card: Any
    base_files: Path

    @classmethod
    def open(cls, folder: Path, threads: int) -> ScriptedDetector:
        cls.asked.append((folder.name, "open", ""))
        prompt = PromptParams(style="compact", normalise=False, max_words=48, max_characters=2000, few_shot_examples=0)
        card = SimpleNamespace(
            prompt=prompt, learnt_validation=cls.learnt_validation, max_completion=64,
            direct_threshold=SimpleNamespace(value=cls.direct_threshold),
            detect=SimpleNamespace(verdict=cls.verdict, analyses=1, at_most=1),
        )  # fmt: skip
        return cls(folder.name, card, folder)

    def use_memory(self, gigabytes: float) -> None:
        assert gigabytes > 0

    def judge(self, templates: list[str], verdict: str) -> list[Verdict]:
        self.asked.extend((self.name, verdict, template) for template in templates)
        return [self._verdict(template, verdict == "reasoned") for template in templates]

    def free_texts(self, templates: list[str]) -> list[str]:
        self.asked.extend((self.name, "free", template) for template in templates)
        return [write_response(conclude('The "log" says it.', "abnormal"), "abnormal") for _ in templates]

    def _verdict(self, template: str, reasoned: bool) -> Verdict:
        answer: Any = "invalid" if self.name == "base" else WORLD[template][2]
        score = SCORES[answer]
        direct = score - LOWER
        if not reasoned:
            called: Any = "abnormal" if direct >= 0.5 else "normal"
            return Verdict(template, called, direct, direct, None, None, None, (), False)
        if answer == "invalid":
            return Verdict(template, answer, score, direct, "invalid", False, "", (), False)
        first, *_, last = template.split()
        text = conclude(f'The log says "{first}" and then "{last}". <b>No more is needed.</b>', answer)
        checked = check_evidence(text, show(template, self.card.prompt))
        return Verdict(template, answer, score, direct, answer, True, text, checked.spans, checked.grounded)


@pytest.fixture(autouse=True)
def pictures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes most of the step's time here; only where bytes are compared it is done."""
    if "same_bytes" not in request.node.name:
        monkeypatch.setattr(plots, "_save", lambda _, path: path.touch())


@pytest.fixture()
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    monkeypatch.setattr(judging_models, "ModelDetector", ScriptedDetector)
    monkeypatch.setattr(ScriptedDetector, "asked", [])
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
    return setting(params.model_copy(update={"model": params.model.model_copy(update={"encoder": "none"})}))


def setting(params: Params, **values: Any) -> Params:
    update = {"bootstrap": 20, "reasoned_rows": None, "free_rows": 3} | values
    return params.model_copy(update={"evaluate": params.evaluate.model_copy(update=update)})


def predictions(folder: Path) -> list[dict[str, Any]]:
    return [row for _, row in records.read_objects(folder / records.PREDICTIONS)]


def held_out_names() -> list[str]:
    return [name for name, (_, split, _) in WORLD.items() if split == "test"]


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
        *(f"{name}/template/abnormal/ap" for name in ALWAYS if name != "grpo"),
        "sft/template/macro/f1",
        "sft/direct/template/abnormal/f1",
        "direct/template/abnormal/f1/low",
        "difference/template/abnormal/f1",
        *(f"difference/{name}/template/abnormal/f1" for name in ("keyword", "free_signals", "labeller", "sft")),
        "difference/teacher_rule/session/abnormal/ap",
        "reasoned_minus_direct/template/abnormal/f1/high",
        "argues/rate",
        "free/format/rate",
        "difference/sft/free/agreement/rate/low",
    }
    assert all(math.isfinite(value) for value in metrics.values())
    policy = read_policy(ROOT / "mlflow" / "promotion.yaml")
    assert not {*policy.minimum, *policy.not_worse} - metrics.keys(), "what nobody measures nobody can ask for"


def test_every_template_system_gets_its_sessions_threshold_by_the_rule_of_params(
    quick: Params, folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[ThresholdRule] = []

    def tune(_sessions: pl.DataFrame, _scores: dict[str, float], rule: ThresholdRule) -> float:
        asked.append(rule)
        return 0.7

    for module in (judging_models, judging_classifiers):
        monkeypatch.setattr(module, "tune", tune)
    named = quick.evaluate.session_threshold.model_copy(update={"rule": "recall_floor", "recall": 0.8})
    metrics = evaluate(setting(quick, session_threshold=named), folders, tmp_path / "out")
    assert asked == [ThresholdRule("recall_floor", recall=0.8)] * len(ALWAYS)
    names = [name for name in metrics if name.endswith("session_tuned/threshold")]
    assert len(names) == len(ALWAYS)
    assert {metrics[name] for name in names} == {0.7}


def test_differences_are_those_of_the_rows(quick: Params, folders: dict[str, Path], tmp_path: Path) -> None:
    metrics = evaluate(quick, folders, tmp_path / "out")
    f1 = "template/abnormal/f1"
    for name in ("keyword", "teacher_rule", "labeller"):
        assert metrics[f"difference/{name}/{f1}"] == pytest.approx(metrics[f1] - metrics[f"{name}/{f1}"])
    assert metrics[f"difference/{f1}"] == pytest.approx(metrics[f1] - metrics[f"reference/{f1}"])
    assert metrics["difference/sft/template/abnormal/f1"] == 0, "SFT says the same"
    macro = "template/macro/f1"
    assert metrics[macro] != metrics[f"direct/{macro}"], "an analysis that does not parse costs its template"
    assert metrics[f"reasoned_minus_direct/{macro}"] == pytest.approx(metrics[macro] - metrics[f"direct/{macro}"])
    assert not [name for name in metrics if name.startswith(("keyword/direct/", "labeller/format/"))]


def test_files_hold_every_prediction_of_every_system(quick: Params, folders: dict[str, Path], tmp_path: Path) -> None:
    evaluate(quick, folders, tmp_path / "out")
    rows = predictions(tmp_path / "out")
    assert ALWAYS == (
        "keyword", "teacher_rule", "nearest", "words", "free_signals", "labeller", "reference", "base", "sft", "grpo"
    )  # fmt: skip
    assert [row["model"] for row in rows] == [name for name in ALWAYS for _ in range(4)]
    assert {row["template"] for row in rows} == set(held_out_names())
    written = ("direct_score", "direct_answer", "stated", "consistent", "rationale")
    for row in rows:
        assert row["score"] is not None
        if row["model"] in (*RULES, *CLASSIFIERS):
            assert [row[name] for name in written] == [None] * len(written)
            assert row["answer"] == ("abnormal" if row["score"] >= 0.5 else "normal")
    sessions = [row for _, row in records.read_objects(tmp_path / "out" / records.SESSION_PREDICTIONS)]
    assert len(sessions) == 10 * len(ALWAYS)
    assert {row["lines"] for row in sessions} == {4}, "lines of training templates do not count"
    names = {path.name for path in (tmp_path / "out").iterdir()}
    curves = {f"pr_curve_{name}.csv" for name in (*ALWAYS[:-1], "direct")}
    assert names >= {"pr_curve.png", "pr_curve.csv", *curves, "reward_curves.png", "reward_curves.csv", REPORT}
    header = (tmp_path / "out" / "reward_curves.csv").read_text().splitlines()[0]
    assert header == "step,reward,terms/answer"


def test_direct_answers_follow_the_direct_threshold(
    quick: Params, folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ScriptedDetector, "direct_threshold", 0.0)
    evaluate(quick, folders, tmp_path / "out")
    rows = [row for row in predictions(tmp_path / "out") if row["model"] == "grpo"]
    assert {row["answer"] for row in rows} == {"normal", "abnormal", "invalid"}
    assert {row["direct_answer"] for row in rows} == {"abnormal"}


def test_rules_say_what_they_say_without_labels(quick: Params, folders: dict[str, Path], tmp_path: Path) -> None:
    evaluate(quick, folders, tmp_path / "out")
    found = {(row["model"], row["template"]): (row["answer"], row["score"]) for row in predictions(tmp_path / "out")}
    assert found["teacher_rule", "power supply <*> has failed"] == ("abnormal", 0.9)
    assert found["teacher_rule", "job <*> done in <*> ms"] == ("normal", 0.1)
    assert found["keyword", "power supply <*> has failed"] == ("abnormal", 0.5)


def test_labels_of_the_test_side_change_no_answer(quick: Params, folders: dict[str, Path], tmp_path: Path) -> None:
    evaluate(quick, folders, tmp_path / "as_they_are")
    path = folders["correct"] / records.LABELLED
    table = records.read_table(path, records.LABELLED_SCHEMA)
    other = pl.when(pl.col("label") == "normal").then(pl.lit("abnormal")).otherwise(pl.lit("normal"))
    flipped = pl.when(pl.col("split") == "test").then(other).otherwise("label")
    records.write_table(path, table.with_columns(label=flipped), records.LABELLED_SCHEMA)
    evaluate(quick, folders, tmp_path / "flipped")
    before, after = predictions(tmp_path / "as_they_are"), predictions(tmp_path / "flipped")
    assert [row["truth"] for row in before] != [row["truth"] for row in after]
    assert [(row["answer"], row["score"]) for row in before] == [(row["answer"], row["score"]) for row in after]


# ---------------------------------------------------------------- analyses for some rows only


def test_base_and_sft_analyse_the_same_few_rows(
    quick: Params, folders: dict[str, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="rationanomaly.model.budget"):
        metrics = evaluate(setting(quick, reasoned_rows=2, free_rows=1), folders, tmp_path / "out")
    # 64 tokens a text.
    budgets = [f"evaluate {name}, at most: tokens: {64 * texts} to generate" for name, texts in
               (("base", 2), ("sft", 2 + 1), ("grpo", 4 + 1))]  # fmt: skip
    assert [message.partition(";")[0] for message in caplog.messages if "tokens" in message] == budgets
    first = sorted(held_out_names(), key=records.template_id)
    written = {
        name: {row["template"] for row in predictions(tmp_path / "out") if row["model"] == name and row["stated"]}
        for name in ("base", "sft", "grpo")
    }
    assert written == {"base": set(first[:2]), "sft": set(first[:2]), "grpo": set(first)}
    free = {(row["model"], row["template_id"]) for _, row in records.read_objects(tmp_path / "out" / FREE_TEXTS)}
    assert free == {("sft", records.template_id(first[0])), ("grpo", records.template_id(first[0]))}
    for row in predictions(tmp_path / "out"):
        if row["model"] == "sft" and row["template"] not in first[:2]:
            assert (row["stated"], row["consistent"], row["rationale"]) == (None, None, None)
            assert (row["score"], row["answer"]) == (row["direct_score"], row["direct_answer"])
    assert (metrics["sft/template/rows"], metrics["template/rows"]) == (2, 4)
    assert (metrics["sft/direct/template/rows"], metrics["direct/template/rows"]) == (4, 4)
    assert metrics["base/template/invalid/rate"] == 1, "of the rows that were to have an analysis"
    assert metrics["base/direct/template/abnormal/recall"] == 0
    # Where the two agree row by row, no difference may come from rows that only one of them has.
    same = {name for name in metrics if name.startswith("difference/sft/template/")}
    tests = {name for name in same if "mcnemar/p" in name or name.endswith("/worse")}
    assert {metrics[name] for name in same - tests} == {0}
    assert {metrics[name] for name in tests} == {1, 0.5}, "no difference at all, and ties count one half"


def test_which_rows_are_analysed_depends_on_no_seed(quick: Params, folders: dict[str, Path], tmp_path: Path) -> None:
    found = []
    for seed in (0, 7):
        again = quick.model_copy(update={"run": quick.run.model_copy(update={"seed": seed})})
        evaluate(setting(again, reasoned_rows=2), folders, tmp_path / str(seed))
        found.append([row["stated"] for row in predictions(tmp_path / str(seed))])
    assert found[0] == found[1]


@pytest.mark.parametrize(("kind", "lower"), [("direct", LOWER), ("reasoned", 0)])
def test_a_session_is_judged_by_one_kind_of_verdict(
    quick: Params, folders: dict[str, Path], tmp_path: Path, kind: str, lower: float
) -> None:
    alarm = records.template_id("power supply <*> has failed")
    some = sorted(map(records.template_id, held_out_names())).index(alarm) + 1
    evaluate(setting(quick, reasoned_rows=some, session_verdict=kind), folders, tmp_path / "out")
    scores: dict[str, set[float]] = {}
    for _, row in records.read_objects(tmp_path / "out" / records.SESSION_PREDICTIONS):
        scores.setdefault(row["model"], set()).add(row["score"])
    assert scores["grpo"] == {SCORES["abnormal"] - lower}
    assert scores["sft"] == {SCORES["abnormal"] - LOWER}, "although some of its templates have a reasoned score"
    others = {name for name, (_, split, _) in WORLD.items() if split == "validation"}
    opened = [name for name, what, _ in ScriptedDetector.asked if what == "open"]
    assert opened == ["base", "sft", "grpo"], "each is loaded once"
    kinds = {(name, kind) for name, kind, template in ScriptedDetector.asked if template in others}
    assert kinds == {("base", "direct"), ("sft", "direct"), ("grpo", kind)}


def test_a_model_with_direct_verdicts_writes_nothing(
    quick: Params, folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ScriptedDetector, "verdict", "direct")
    metrics = evaluate(quick, folders, tmp_path / "out")
    assert {kind for _, kind, _ in ScriptedDetector.asked} == {"open", "direct"}
    assert metrics["template/rows"] == metrics["direct/template/rows"] == 4
    assert metrics["template/abnormal/f1"] == metrics["direct/template/abnormal/f1"]
    assert not [name for name in metrics if "agreement" in name or name.startswith(("free/", "reasoned_minus"))]
    summary_of(quick, folders, tmp_path / "summary")


def test_twice_the_same_inputs_give_the_same_bytes(quick: Params, folders: dict[str, Path], tmp_path: Path) -> None:
    for name in ("one", "two"):
        metrics = evaluate(quick, folders, tmp_path / name)
        artifacts.write_json(tmp_path / name / records.METRICS, metrics)
    assert artifacts.sha256(tmp_path / "one") == artifacts.sha256(tmp_path / "two")


def test_hostile_text_is_inert_in_the_report(quick: Params, folders: dict[str, Path], tmp_path: Path) -> None:
    evaluate(quick, folders, tmp_path / "out")
    page = (tmp_path / "out" / REPORT).read_text(encoding="utf-8")
    assert "alert(1)" in page, "the mistake is shown"
    for live in ("<script>alert", "<img src=x", "<b>No more", "\x1b", "\u202e"):
        assert live not in page
    assert not unsafe_in(page)
    assert "default-src 'none'" in page


def test_truth_file_overrules_labels(quick: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging_models, "ModelDetector", ScriptedDetector)
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
    monkeypatch.setattr(judging_models, "ModelDetector", ScriptedDetector)
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
    assert metrics["by_dataset/BGL/direct/template/rows"] == 3
    assert "difference/by_dataset/BGL/template/abnormal/f1" in metrics
    assert metrics["dataset_mean/template/rows"] == 4
    macro = [metrics[f"by_dataset/{name}/template/macro/f1"] for name in ("BGL", "a_b__c_")]
    assert metrics["dataset_mean/template/macro/f1"] == pytest.approx(sum(macro) / 2)
    assert "dataset_mean/template/abnormal/f1" not in metrics, "one data set holds no fault"
    assert "teacher_rule/dataset_mean/template/macro/f1" in metrics
    directly = [metrics[f"by_dataset/{name}/direct/template/macro/f1"] for name in ("BGL", "a_b__c_")]
    assert metrics["dataset_mean/direct/template/macro/f1"] == pytest.approx(sum(directly) / 2)
    assert metrics["sft/dataset_mean/direct/template/rows"] == 4, "of all templates, whatever SFT has written of"
    assert not any("teacher_rule" in key and "direct" in key for key in metrics), "a rule has one kind of verdict"


def test_score_that_is_no_number_is_refused(
    quick: Params, folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def judge(self: ScriptedDetector, templates: list[str], verdict: str) -> list[Verdict]:
        return [Verdict(template, "normal", math.nan, 0.5, "normal", True, "", (), False) for template in templates]

    monkeypatch.setattr(ScriptedDetector, "judge", judge)
    with pytest.raises(TrainingError, match="no number"):
        evaluate(quick, folders, tmp_path / "out")


def summary_of(params: Params, inputs: dict[str, Path], outputs: Path) -> Summary:
    with artifacts.writing(outputs / "evaluate", "evaluate") as folder:
        metrics = run(params, inputs, Outputs(folder, outputs))
        artifacts.write_json(folder / records.METRICS, metrics)
    return read_summary(outputs)


def test_summary_is_read_back(quick: Params, folders: dict[str, Path], tmp_path: Path) -> None:
    summary = summary_of(setting(quick, reasoned_rows=2), folders, tmp_path)
    assert (summary.side, summary.templates, summary.positives, summary.sessions) == ("test", 4, 2, 10)
    systems = {system.name: system for system in summary.systems}
    assert tuple(systems) == ALWAYS
    final = systems["grpo"]
    assert (final.template.recall, final.session.f1, final.texts["format/rate"]) == (0.5, 1, 0.75)
    assert (systems["sft"].rows, final.rows, systems["keyword"].rows) == (2, 4, 4)
    assert systems["reference"].texts == {}
    assert systems["keyword"].direct.f1 is None
    assert final.direct.f1 == pytest.approx(2 / 3)
    assert len(summary.examples) == 3
    assert {example.answer == example.truth for example in summary.examples} == {True, False}
    assert summary.registered is None
    with artifacts.writing(tmp_path / "register", "register") as folder:
        artifacts.write_json(folder / records.REGISTERED, {"name": "log", "version": "7", "alias": "candidate"})
    assert read_summary(tmp_path).registered == {"name": "log", "version": "7", "alias": "candidate"}
    edit(tmp_path / "register" / records.REGISTERED)
    with pytest.raises(ArtifactError, match="SHA-256"):
        read_summary(tmp_path)
    assert json.loads((tmp_path / "evaluate" / records.METRICS).read_bytes())["template/rows"] == 4
