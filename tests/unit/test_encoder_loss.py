"""The second task of pretraining: the loss is an angle, padding takes no part, and the weights learn from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from rationanomaly import artifacts
from rationanomaly.base.encoder_loss import EncoderLoss
from rationanomaly.errors import ArtifactError
from rationanomaly.params import load_params
from rationanomaly.records import CORPUS, CORPUS_SCHEMA, read_table
from rationanomaly.steps import BY_NAME, Outputs
from rationanomaly.text.encoder import Encoder
from tests.conftest import ROOT
from tests.micro_model import HELD_OUT_WORD, MICRO, PARTS
from tests.training_inputs import write_training_inputs

VECTORS = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=np.float32)


def _task(vectors: np.ndarray) -> tuple[EncoderLoss, torch.Tensor]:
    """A task whose head hands on the states, and the states that are exactly what is to be told."""
    task = EncoderLoss(vectors, 3)
    with torch.no_grad():
        task.head.weight.copy_(torch.eye(3))
        task.head.bias.zero_()
    task.head.requires_grad_(False)
    return task, torch.from_numpy(vectors - vectors.mean(0))


def test_an_exact_prediction_costs_nothing_and_the_opposite_the_maximum() -> None:
    task, right = _task(VECTORS)
    mask = torch.ones(3, 2)
    states = right.unsqueeze(1).repeat(1, 2, 1)
    assert float(task.loss(states, mask, [0, 1, 2])) == pytest.approx(0, abs=1e-6)
    assert float(task.loss(-states, mask, [0, 1, 2])) == pytest.approx(2, abs=1e-6)
    assert float(task.loss(states[[1, 0]], mask[:2], [1, 0])) == pytest.approx(0, abs=1e-6)


def test_padding_takes_no_part() -> None:
    task, right = _task(VECTORS)
    states = torch.stack([right, 9 * torch.ones_like(right)], dim=1)
    assert float(task.loss(states, torch.tensor([[1, 0]] * 3), [0, 1, 2])) == pytest.approx(0, abs=1e-6)


def test_one_log_alone_has_nothing_to_tell() -> None:
    task = EncoderLoss(VECTORS[:1], 3)
    assert np.isfinite(float(task.loss(torch.ones(1, 2, 3), torch.ones(1, 2), [0]).detach()))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("meaning")
    write_training_inputs(root, PARTS, HELD_OUT_WORD)
    return root


def _weights(inputs: Path, target: Path, *settings: str) -> bytes:
    """Of the base that is made in ``target``."""
    params = load_params(ROOT / "profiles" / "bootstrap.yaml", [*MICRO, "base.harvest=40", *settings])
    with artifacts.writing(target, "base") as folder:
        BY_NAME["base"].run(params, {"correct": inputs / "correct"}, Outputs(folder, target.parent / "state"))
    return (target / "base" / "model.safetensors").read_bytes()


def test_the_weights_learn_from_it_and_the_corpus_keeps_the_vectors(inputs: Path, tmp_path: Path) -> None:
    with_encoder_loss = _weights(inputs, tmp_path / "with")
    without = _weights(inputs, tmp_path / "without", "base.encoder_loss_weight=0")
    assert with_encoder_loss != without
    corpus = read_table(tmp_path / "with" / CORPUS, CORPUS_SCHEMA)
    texts = corpus["text"].to_list()
    assert 10 < len(texts) <= 40
    np.testing.assert_allclose(np.array(corpus["vector"].to_list()), Encoder.load().vectors(texts), atol=1e-5)
    assert read_table(tmp_path / "without" / CORPUS, CORPUS_SCHEMA)["vector"].null_count() == len(texts)


def test_without_an_encoder_there_is_none(inputs: Path, tmp_path: Path) -> None:
    first = _weights(inputs, tmp_path / "first", "model.encoder=none")
    second = _weights(inputs, tmp_path / "second", "model.encoder=none", "base.encoder_loss_weight=0")
    assert first == second


@pytest.mark.parametrize(
    ("vector", "problem"),
    [
        (np.full((1, 384), np.nan, dtype=np.float32), "not numbers"),
        (np.ones((1, 2), dtype=np.float32), "other columns"),
    ],
)
def test_vectors_that_can_not_be_the_encoder_s_are_refused(
    inputs: Path, tmp_path: Path, vector: np.ndarray, problem: str
) -> None:
    params = load_params(ROOT / "profiles" / "bootstrap.yaml", MICRO)
    (tmp_path / "base").mkdir()
    pl.DataFrame({"text": ["disk failed"], "vector": vector}).write_parquet(tmp_path / "base" / CORPUS)
    folders = {name: inputs / name for name in BY_NAME["sft"].reads} | {"base": tmp_path / "base"}
    with pytest.raises(ArtifactError, match=rf"{CORPUS}.*{problem}.*Make the folder anew"):
        BY_NAME["sft"].run(params, folders, Outputs(tmp_path, tmp_path / "state"))
