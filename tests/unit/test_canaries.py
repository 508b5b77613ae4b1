"""What is held out reaches no model: with another test side, all that is trained is the same, byte by byte."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from rationanomaly import artifacts
from rationanomaly.base import corpus
from rationanomaly.detection.model_detector import ModelDetector
from rationanomaly.detection.verdict import Verdict
from rationanomaly.params import Params
from rationanomaly.records import (
    CURVES,
    LABELLED,
    LABELLED_SCHEMA,
    PREDICTIONS,
    TEMPLATES,
    TEMPLATES_SCHEMA,
    read_objects,
    read_table,
)
from rationanomaly.sft.pool import Pool, build_pool
from rationanomaly.steps import BY_NAME
from tests import canaries
from tests.canaries import KNOWS_ALL_TEMPLATES, MADE_UP, write_inputs, write_other_test_side
from tests.conftest import ROOT
from tests.micro_model import run

TRAINING = ("distill", "base", "sft", "grpo")
#: Few-shot examples in every prompt, and validation templates that are learnt from.
SHOWN = ("prompt.few_shot_examples=2", "sft.learn_validation=true")
#: As packages hold them: one is a message of the log's training side, none is of the test side.
HARVESTED = ("could not bind the socket to %s", "queue drained", "shutting down the executor", "retrying after %d s")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The outputs of parse and correct; what is trained on them comes beside."""
    root = tmp_path_factory.mktemp("canaries")
    write_inputs(root)
    return root


@pytest.fixture(scope="module")
def plainly(world: Path) -> dict[str, dict[str, str]]:
    return _trained(canaries.settings(), world, world / "plainly")


@pytest.fixture(scope="module")
def with_examples(world: Path) -> dict[str, dict[str, str]]:
    return _trained(canaries.settings(*SHOWN), world, world / "with_examples")


def _trained(params: Params, read: Path, root: Path) -> dict[str, dict[str, str]]:
    """Run the steps that train; the SHA-256 of every file by step, and of what the pool of sft holds."""
    root.mkdir(exist_ok=True)
    inputs = {name: read / name for name in ("parse", "correct")} | {"reasoning": params.data.reasoning}
    found: dict[str, dict[str, str]] = {"pool": {}}

    def watched(*settings: Any) -> Pool:
        # A micro run draws so few of its texts that a labeller could be another one unseen.
        pool = build_pool(*settings)
        found["pool"]["texts"] = hashlib.sha256(repr(pool.texts).encode()).hexdigest()
        found["pool"]["probabilities"] = hashlib.sha256(pool.probabilities.tobytes()).hexdigest()
        return pool

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus, "harvest", lambda _limit: list(HARVESTED))
        patch.setattr("rationanomaly.sft.step.build_pool", watched)
        for name in TRAINING:
            named = (*BY_NAME[name].reads, *BY_NAME[name].sources)
            run(name, params, {read: inputs[read] for read in named}, root / name)
            inputs[name] = root / name
            found[name] = dict(artifacts.read(root / name, name).files)
    assert found["pool"]
    return found


def test_labels_of_the_test_side_reach_no_model(world: Path, plainly: Mapping[str, object], tmp_path: Path) -> None:
    write_other_test_side(world, tmp_path, labels=True)
    assert _trained(canaries.settings(), tmp_path, tmp_path) == plainly


def test_texts_of_the_test_side_reach_no_model(world: Path, plainly: dict[str, dict[str, str]], tmp_path: Path) -> None:
    write_other_test_side(world, tmp_path, texts=True)
    found = _trained(canaries.settings(), tmp_path, tmp_path)
    assert _but_for_the_miner(found) == _but_for_the_miner(plainly)


def test_nothing_of_the_test_side_is_shown_beside_a_log(
    world: Path, with_examples: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    write_other_test_side(world, tmp_path, labels=True, texts=True)
    found = _trained(canaries.settings(*SHOWN), tmp_path, tmp_path)
    assert _but_for_the_miner(found) == _but_for_the_miner(with_examples)


def _but_for_the_miner(found: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Every other file: the miner has to know all templates, and no model reads it."""
    for step in ("sft", "grpo"):
        assert KNOWS_ALL_TEMPLATES in found[step]
    return {step: {k: v for k, v in files.items() if k != KNOWS_ALL_TEMPLATES} for step, files in found.items()}


# ---------------------------------------------------------------- evaluate


class _NoModel:
    """Stands for the three models: it finds every template normal."""

    def __init__(self, params: Params, base_files: Path) -> None:
        self.base_files = base_files
        self.card = SimpleNamespace(
            prompt=params.prompt, detect=params.detect, learnt_validation=False, max_completion=64,
            direct_threshold=SimpleNamespace(value=0.5),
        )  # fmt: skip

    def use_memory(self, gigabytes: float) -> None:
        assert gigabytes > 0

    def judge(self, templates: list[str], *_: object) -> list[Verdict]:
        return [Verdict(text, "normal", 0.2, 0.2, None, None, None, (), grounded=False) for text in templates]

    def free_texts(self, templates: list[str]) -> list[str]:
        return [""] * len(templates)


def test_labels_of_the_test_side_change_no_answer_of_a_rule_or_a_fitted_classifier(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = canaries.settings("evaluate.bootstrap=0", f"data.truth={ROOT / 'data' / 'none.csv'}")
    monkeypatch.setattr(ModelDetector, "open", lambda folder, *_: _NoModel(params, folder))
    write_other_test_side(world, tmp_path / "other", labels=True)
    first, second = (_predictions(params, read, tmp_path / name) for name, read in
                     (("as_it_is", world), ("changed", tmp_path / "other")))  # fmt: skip
    assert {model for model, _ in first} > {"reference"}
    assert {key: row["truth"] for key, row in first.items()} != {key: row["truth"] for key, row in second.items()}
    for key, row in first.items():
        assert (row["answer"], row["score"]) == (second[key]["answer"], second[key]["score"]), key


def _predictions(params: Params, read: Path, root: Path) -> dict[tuple[str, str], dict[str, Any]]:
    inputs = {name: read / name for name in ("parse", "correct")} | {"truth": params.data.truth}
    for name in ("base", "sft", "grpo"):
        inputs[name] = root / name
        inputs[name].mkdir(parents=True)
        (inputs[name] / CURVES).touch()
    run("evaluate", params, inputs, root / "evaluate")
    return {(row["model"], row["template_id"]): row for _, row in read_objects(root / "evaluate" / PREDICTIONS)}


def test_the_other_test_side_has_all_but_ids_and_sides_changed(world: Path, tmp_path: Path) -> None:
    write_other_test_side(world, tmp_path, labels=True, texts=True)
    one, other = (read_table(root / "correct" / LABELLED, LABELLED_SCHEMA) for root in (world, tmp_path))
    assert one["template_id", "split", "group"].equals(other["template_id", "split", "group"])
    for side in ("train", "validation", "test"):
        mine, theirs = (table.filter(pl.col("split") == side) for table in (one, other))
        assert set(mine["label"]) == {"normal", "abnormal"}
        assert mine.equals(theirs) == (side != "test")
    mine, theirs = (table.filter(pl.col("split") == "test") for table in (one, other))
    assert (mine["label"] != theirs["label"]).all()
    examples = [read_table(root / "parse" / TEMPLATES, TEMPLATES_SCHEMA) for root in (world, tmp_path)]
    before, after = (
        {word for text in table.join(mine, on="template_id", how="semi")["examples"].explode() for word in text.split()}
        for table in examples
    )
    assert {word[: len(MADE_UP)] for word in after} == {MADE_UP}
    assert not before & after
