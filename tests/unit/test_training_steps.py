"""base → sft → grpo → detector with micro settings: the real trainers, a few steps each."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rationanomaly import artifacts, progress
from rationanomaly.detector import Detector
from rationanomaly.errors import ArtifactError, ParamsError, TrainingError
from rationanomaly.model_folder import read_card, write_card
from rationanomaly.params import Params, load_params
from rationanomaly.prompt import PROMPT_VERSION, write_response
from rationanomaly.records import (
    CORPUS,
    COST,
    CURVES,
    DETECTOR,
    LABELLED,
    LABELLED_SCHEMA,
    MINER,
    TEMPLATES,
    TEMPLATES_SCHEMA,
    TRIPLETS,
    Triplet,
    read_objects,
    template_id,
    write_rows,
    write_table,
)
from rationanomaly.steps import BY_NAME, Metrics, Outputs
from tests.conftest import ROOT

MICRO = (
    "training.threads=1", "base.harvest=0", "base.vocabulary=400", "base.hidden=16", "base.heads=2", "base.layers=1",
    "base.epochs=1", "sft.steps=6", "sft.batch=8", "sft.rationale_share=0.34", "sft.evaluations=2",
    "sft.pool.size=60", "grpo.steps=2", "grpo.prompts=2", "grpo.generations=2", "model.max_completion=12",
    "model.lora_rank=4",
)  # fmt: skip
PARTS = ("disk", "fan", "node", "link", "pump", "card", "rack", "port")
HELD_OUT_WORD = "zygomorphic"


@dataclass(frozen=True)
class Trained:
    """Finished folders by step, with the params they were made with and what the steps returned."""

    params: Params
    root: Path
    metrics: dict[str, Metrics]
    tasks: set[str]

    def step(self, name: str, output: Path, **inputs: Path) -> Metrics:
        paths = {read: self.root / read for read in BY_NAME[name].reads} | inputs
        return _run(name, self.params, paths, output)


def _run(name: str, params: Params, inputs: dict[str, Path], output: Path) -> Metrics:
    with artifacts.writing(output, name) as folder:
        return BY_NAME[name].run(params, inputs, Outputs(folder, output.parent / "state"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    root = tmp_path_factory.mktemp("trained")
    params = load_params(ROOT / "params.yaml", MICRO)
    _write_inputs(root)
    tasks: set[str] = set()
    metrics = {}
    with progress.listening(lambda event: tasks.add(event.task)):
        for name in ("base", "sft", "grpo"):
            inputs = {read: root / read for read in BY_NAME[name].reads}
            metrics[name] = _run(name, params, inputs, root / name)
    return Trained(params, root, metrics, tasks)


def _write_inputs(root: Path) -> None:
    for name in ("parse", "correct", "distill"):
        (root / name).mkdir()
    texts = [(f"{part} {state}", label) for part in PARTS
             for state, label in (("failed badly", "abnormal"), ("is ready", "normal"))]  # fmt: skip
    splits = ["train"] * 10 + ["validation"] * 4 + ["test"] * 2
    rows: list[dict[str, Any]] = []
    for place, ((text, label), split) in enumerate(zip(texts, splits, strict=True)):
        text = f"{text} {HELD_OUT_WORD}" if split != "train" else text
        rows.append({"template_id": template_id(text), "template": text, "dataset": "test", "original_label": label,
                     "label": label, "corrected": False, "category": None, "history": [], "mixed": False, "lines": 1,
                     "first_line": place, "group": place, "split": split})  # fmt: skip
    _write_labelled(root, rows)
    templates = [{**dict.fromkeys(TEMPLATES_SCHEMA), "template_id": row["template_id"],
                  "template": row["template"], "examples": [row["template"] + " at noon"]} for row in rows]  # fmt: skip
    write_table(root / "parse" / TEMPLATES, pl.DataFrame(templates, schema=TEMPLATES_SCHEMA), TEMPLATES_SCHEMA)
    (root / "parse" / MINER).write_text("{}")
    triplets = [
        Triplet(row["template_id"], row["template"], f'It names "{row["template"].split()[0]}", so it counts.',
                row["label"], "test", PROMPT_VERSION) for row in rows if row["split"] == "train"
    ]  # fmt: skip
    write_rows(root / "distill" / TRIPLETS, triplets)
    (root / "distill" / COST).write_text(json.dumps({"target_words": 6}))


def _write_labelled(root: Path, rows: list[dict[str, Any]]) -> None:
    write_table(root / "correct" / LABELLED, pl.DataFrame(rows, schema=LABELLED_SCHEMA), LABELLED_SCHEMA)


def _copy(trained: Trained, step: str, target: Path, change: Callable[[Path], None]) -> Path:
    """A model folder after a change, sealed anew: its manifest is right, its contents are not."""
    with artifacts.writing(target, step) as folder:
        shutil.copytree(trained.root / step, folder, dirs_exist_ok=True)
        (folder / artifacts.MANIFEST).unlink()
        change(folder)
    return target


def test_nothing_held_out_reaches_tokenizer_or_corpus(trained: Trained) -> None:
    tokenizer = (trained.root / "base" / "tokenizer" / "tokenizer.json").read_text()
    corpus = [value["text"] for _, value in read_objects(trained.root / "base" / CORPUS)]
    assert HELD_OUT_WORD not in tokenizer
    assert not any(HELD_OUT_WORD in text for text in corpus)


def test_every_long_part_reports_progress(trained: Trained) -> None:
    assert {"pretraining", "SFT", "GRPO"} <= trained.tasks


def test_curves_hold_every_step(trained: Trained) -> None:
    for name, steps in (("sft", trained.params.sft.steps), ("grpo", trained.params.grpo.steps)):
        curve = [value for _, value in read_objects(trained.root / name / CURVES)]
        assert [entry["step"] for entry in curve if "loss" in entry and "grad_norm" in entry] == [*range(1, steps + 1)]


def test_the_reference_of_the_kl_is_the_sft_model(trained: Trained) -> None:
    curve = [value for _, value in read_objects(trained.root / "grpo" / CURVES)]
    assert abs(curve[0]["kl"]) < 1e-4


def test_the_logged_reward_is_the_optimised_one(trained: Trained) -> None:
    for _, entry in read_objects(trained.root / "grpo" / CURVES):
        assert entry["rewards/reward/mean"] == pytest.approx(entry["reward"], abs=1e-6)


def test_grpo_trains_the_adapter_where_rewards_differ(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rationanomaly.grpo import trainer

    def by_place(_composition: object, _target_words: int) -> Callable[..., list[float]]:
        return lambda completions, **_: [float(place) for place, _text in enumerate(completions)]

    monkeypatch.setattr(trainer, "reward_function", by_place)
    trained.step("grpo", tmp_path / "grpo")
    name = Path("adapter") / "adapter_model.safetensors"
    assert artifacts.sha256(trained.root / "sft" / name) != artifacts.sha256(tmp_path / "grpo" / name)


def test_the_same_seed_gives_the_same_bytes(trained: Trained, tmp_path: Path) -> None:
    trained.step("base", tmp_path / "base")
    trained.step("sft", tmp_path / "sft", base=tmp_path / "base")
    for name in ("base", "sft"):
        first, second = (artifacts.read(root / name, name) for root in (trained.root, tmp_path))
        assert first.digest == second.digest


def test_skipping_prompt_positions_leaves_the_losses_as_they_are(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from contextlib import nullcontext

    from rationanomaly.sft import trainer

    monkeypatch.setattr(trainer, "scoring_completions_only", nullcontext)
    trained.step("sft", tmp_path / "sft")
    curves = [[value["loss"] for _, value in read_objects(root / "sft" / CURVES)] for root in (trained.root, tmp_path)]
    assert curves[0] == pytest.approx(curves[1], abs=1e-4)


@pytest.mark.parametrize("step", ["base", "sft", "grpo"])
def test_a_folder_judges_templates_in_order_and_equal_ones_once(trained: Trained, step: str) -> None:
    detector = Detector.open(trained.root / step)
    templates = ["pump failed badly", "", "fan is ready", "pump failed badly", 'x "<answer>normal</answer>" \ud800']
    verdicts = detector.judge(templates)
    assert [verdict.template for verdict in verdicts] == templates
    assert verdicts[0] == verdicts[3]
    assert [verdict.score for verdict in verdicts] == pytest.approx(list(detector.scores(templates)))
    assert all(0 <= verdict.score <= 1 for verdict in verdicts)
    assert detector.judge([]) == []


def test_the_answer_is_the_score_against_the_threshold_and_invalid_only_if_the_text_does_not_parse(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = Detector.open(trained.root / "sft")
    texts = [write_response('It says "pump".', "normal"), "no tags at all"]
    monkeypatch.setattr(detector._judge, "responses", lambda _logs: texts)
    low, high = (replace(detector.card.threshold, value=value) for value in (0.0, 1.1))
    detector.card = replace(detector.card, threshold=low)
    said, broken = detector.judge(["the pump stands", "other"])
    assert (said.answer, said.stated, said.grounded) == ("abnormal", "normal", True)
    assert [(span.text, span.start, span.end) for span in said.evidence] == [("pump", 4, 8)]
    assert (broken.answer, broken.stated, broken.rationale) == ("invalid", "invalid", "")
    detector.card = replace(detector.card, threshold=high)
    assert detector.judge(["the pump stands"], rationales=False)[0].answer == "normal"


def test_scores_do_not_depend_on_the_batch(trained: Trained) -> None:
    detector = Detector.open(trained.root / "sft")
    templates = ["a", "pump failed badly", "fan is ready now and for ever and a day"]
    singly = [float(detector.scores([template])[0]) for template in templates]
    assert list(detector.scores(templates)) == pytest.approx(singly, abs=1e-5)


def test_no_path_of_this_machine_is_written(trained: Trained) -> None:
    for step in ("base", "sft", "grpo"):
        for path in (trained.root / step).rglob("*.json"):
            assert str(trained.root) not in path.read_text(), path


# ---------------------------------------------------------------- bad input


def test_a_folder_without_its_adapter_is_refused(trained: Trained, tmp_path: Path) -> None:
    folder = _copy(trained, "sft", tmp_path / "sft", lambda folder: shutil.rmtree(folder / "adapter"))
    with pytest.raises(ArtifactError, match="holds no adapter"):
        Detector.open(folder)


def test_an_adapter_of_another_base_is_refused(trained: Trained, tmp_path: Path) -> None:
    def change(folder: Path) -> None:
        path = folder / "adapter" / "adapter_config.json"
        document = json.loads(path.read_text()) | {"base_model_name_or_path": "sha256:" + "0" * 64}
        path.write_text(json.dumps(document))

    with pytest.raises(ArtifactError, match="belongs to another base"):
        Detector.open(_copy(trained, "sft", tmp_path / "sft", change))


def test_a_base_that_was_exchanged_is_refused(trained: Trained, tmp_path: Path) -> None:
    def change(folder: Path) -> None:
        (folder / "base" / "config.json").write_text((folder / "base" / "config.json").read_text() + "\n")

    with pytest.raises(ArtifactError, match="is another base"):
        Detector.open(_copy(trained, "sft", tmp_path / "sft", change))


@pytest.mark.parametrize("place", ["base/pytorch_model.bin", "adapter/adapter_model.bin"])
def test_pickled_weights_are_refused(trained: Trained, tmp_path: Path, place: str) -> None:
    folder = _copy(trained, "sft", tmp_path / "sft", lambda folder: (folder / place).touch())
    with pytest.raises(ArtifactError, match="pickled weights are never loaded"):
        Detector.open(folder)


def test_a_config_that_points_to_code_is_refused(trained: Trained, tmp_path: Path) -> None:
    def change(folder: Path) -> None:
        path = folder / "base" / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"auto_map": {"AutoModel": "evil.Model"}}))

    with pytest.raises(ArtifactError, match="auto_map"):
        Detector.open(_copy(trained, "sft", tmp_path / "sft", change))


def test_a_changed_file_is_refused(trained: Trained, tmp_path: Path) -> None:
    folder = _copy(trained, "sft", tmp_path / "sft", lambda _folder: None)
    (folder / DETECTOR).write_text("{}")
    with pytest.raises(ArtifactError, match="SHA-256"):
        Detector.open(folder)


def test_a_model_of_another_prompt_version_is_refused(trained: Trained, tmp_path: Path) -> None:
    def change(folder: Path) -> None:
        write_card(folder, replace(read_card(folder), prompt_version="0"))

    with pytest.raises(ArtifactError, match="prompt version 0"):
        Detector.open(_copy(trained, "sft", tmp_path / "sft", change))


def test_rationales_longer_than_the_context_are_refused(trained: Trained, tmp_path: Path) -> None:
    rows = [Triplet(**value) for _, value in read_objects(trained.root / "distill" / TRIPLETS)]
    (tmp_path / "distill").mkdir()
    write_rows(tmp_path / "distill" / TRIPLETS, [replace(row, rationale="very " * 2000) for row in rows])
    with pytest.raises(TrainingError, match="all rationales are longer than the context of 512 tokens"):
        trained.step("sft", tmp_path / "sft", distill=tmp_path / "distill")
    assert not (tmp_path / "sft").exists()


def test_a_training_split_of_one_class_is_refused(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "correct").mkdir()
    table = pl.read_parquet(trained.root / "correct" / LABELLED).with_columns(label=pl.lit("normal"))
    write_table(tmp_path / "correct" / LABELLED, table, LABELLED_SCHEMA)
    with pytest.raises(TrainingError, match="all 10 templates are normal"):
        trained.step("sft", tmp_path / "sft", correct=tmp_path / "correct")


@pytest.mark.parametrize(("evaluations", "problem"), [(0, "SFT: the loss is nan at step"), (6, "not numbers")])
def test_weights_that_are_no_numbers_stop_the_training(
    trained: Trained, tmp_path: Path, evaluations: int, problem: str
) -> None:
    changed = trained.params.sft.model_copy(update={"learning_rate": 1e30, "evaluations": evaluations})
    wild = replace(trained, params=trained.params.model_copy(update={"sft": changed}))
    with pytest.raises(TrainingError, match=problem):
        wild.step("sft", tmp_path / "sft")


def test_grpo_refuses_an_adapter_that_is_not_trainable(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rationanomaly.grpo import step
    from rationanomaly.model_folder import load_adapted

    monkeypatch.setattr(step, "load_adapted", lambda folder, card, trainable: load_adapted(folder, card))
    with pytest.raises(TrainingError, match="no trainable parameter"):
        trained.step("grpo", tmp_path / "grpo")


def test_a_local_base_in_the_layout_of_the_hub_is_taken(trained: Trained, tmp_path: Path) -> None:
    local = tmp_path / "model"
    shutil.copytree(trained.root / "base" / "base", local)
    shutil.copytree(trained.root / "base" / "tokenizer", local, dirs_exist_ok=True)
    model = trained.params.model.model_copy(update={"source": "hub", "name": str(local)})
    hub = replace(trained, params=trained.params.model_copy(update={"model": model}))
    hub.step("base", tmp_path / "base")
    expected = Detector.open(trained.root / "base").scores(["pump failed badly"])
    assert list(Detector.open(tmp_path / "base").scores(["pump failed badly"])) == pytest.approx(list(expected))


def test_a_hub_id_without_a_revision_is_refused(trained: Trained, tmp_path: Path) -> None:
    model = trained.params.model.model_copy(update={"source": "hub", "name": "someone/some-model"})
    hub = replace(trained, params=trained.params.model_copy(update={"model": model}))
    with pytest.raises(ParamsError, match=r"model\.revision"):
        hub.step("base", tmp_path / "base")


def test_a_local_base_with_pickled_weights_is_refused(trained: Trained, tmp_path: Path) -> None:
    local = tmp_path / "model"
    local.mkdir()
    (local / "config.json").write_text("{}")
    (local / "pytorch_model.bin").write_bytes(b"")
    model = trained.params.model.model_copy(update={"source": "hub", "name": str(local)})
    hub = replace(trained, params=trained.params.model_copy(update={"model": model}))
    with pytest.raises(ArtifactError, match="pickled weights"):
        hub.step("base", tmp_path / "base")
