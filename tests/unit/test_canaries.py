"""What is held out reaches no model: with another test side, all that is trained is the same, byte by byte."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest

from rationanomaly import artifacts
from rationanomaly.base import corpus
from rationanomaly.params import Params
from rationanomaly.records import LABELLED, LABELLED_SCHEMA, TEMPLATES, TEMPLATES_SCHEMA, read_table
from rationanomaly.steps import BY_NAME
from tests import canaries
from tests.canaries import KNOWS_ALL_TEMPLATES, MADE_UP, write_inputs, write_other_test_side
from tests.micro_model import run

TRAINING = ("distill", "base", "sft", "grpo")
#: Few-shot examples in every prompt, a labeller with the sentence encoder, validation templates that are learnt from.
SHOWN = ("prompt.few_shot_examples=2", "model.encoder=minilm", "sft.learn_validation=true")
#: As packages hold them: one is a message of the log's training side, none is of the test side.
HARVESTED = ("could not bind the socket to %s", "queue drained", "shutting down the executor", "retrying after %d s")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The outputs of parse and correct, and by the name of its settings all that is trained on them."""
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
    """Run the steps that train; the SHA-256 of every file by step."""
    root.mkdir(exist_ok=True)
    inputs = {name: read / name for name in ("parse", "correct")} | {"reasoning": params.data.reasoning}
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus, "harvest", lambda _limit: list(HARVESTED))
        for name in TRAINING:
            named = (*BY_NAME[name].reads, *BY_NAME[name].sources)
            run(name, params, {read: inputs[read] for read in named}, root / name)
            inputs[name] = root / name
            found[name] = dict(artifacts.read(root / name, name).files)
    return found


def test_labels_of_the_test_side_reach_no_model(world: Path, plainly: Mapping[str, object], tmp_path: Path) -> None:
    write_other_test_side(world, tmp_path, labels=True)
    assert _trained(canaries.settings(), tmp_path, tmp_path) == plainly


def test_texts_of_the_test_side_reach_no_model(
    world: Path, plainly: dict[str, dict[str, str]], tmp_path: Path
) -> None:
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
