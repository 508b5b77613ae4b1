"""The token budget of a step: its line, its minutes where the speed is known, who hears of it; and one that is kept."""

from __future__ import annotations

import csv
import importlib.util
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rationanomaly.baselines.scorer import Floats
from rationanomaly.cli import console
from rationanomaly.model import package
from rationanomaly.model.budget import TWO_CORES, Speed, TokenBudget, announce, expected_speed
from rationanomaly.model.few_shot import FewShotExamples
from rationanomaly.params import Params, load_params
from rationanomaly.sft import trainer
from rationanomaly.sft.pool import build_pool
from rationanomaly.sft.rows import build_rows
from rationanomaly.text.harvest import harvest
from rationanomaly.text.prompt import show
from rationanomaly.training.gold import Gold
from tests.conftest import ROOT

SMOL = {
    "num_hidden_layers": 30, "hidden_size": 576, "intermediate_size": 1536, "num_attention_heads": 9,
    "num_key_value_heads": 3, "vocab_size": 49152, "max_position_embeddings": 8192, "tie_word_embeddings": True,
}  # fmt: skip

PUBLISHED = ROOT.parent / "shared" / "data" / "templates" / "templates.csv"
#: One step in so many stands for all of a training.
SAMPLED = 10


class Undecided:
    def logits(self, texts: Sequence[str]) -> Floats:
        return np.zeros(len(texts))


def base(folder: Path, **changes: int) -> Path:
    (folder / "config.json").write_text(json.dumps(SMOL | changes))
    return folder


def test_a_line_names_what_is_planned_and_nothing_else() -> None:
    assert TokenBudget("sft", trained=280_000).line() == "sft: tokens: 280,000 to train"
    speed = Speed(train=200, generate=100, read=500)
    budget = TokenBudget("grpo", trained=24_000, generated=6_000, read=30_000)
    assert budget.line(speed) == (
        "grpo: tokens: 24,000 to train, 6,000 to generate, 30,000 to read; about 4 min on two cores"
    )
    assert TokenBudget("evaluate").line(speed) == "evaluate: tokens: none; less than a minute"


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9), st.floats(0.01, 100))
def test_time_adds_up_and_a_faster_machine_takes_less(trained: int, generated: int, read: int, factor: float) -> None:
    whole = TokenBudget("sft", trained, generated, read)
    parts = [TokenBudget("", trained), TokenBudget("", generated=generated), TokenBudget("", read=read)]
    assert whole.seconds(TWO_CORES) == pytest.approx(sum(part.seconds(TWO_CORES) for part in parts))
    assert whole.seconds(TWO_CORES.scaled(factor)) == pytest.approx(whole.seconds(TWO_CORES) / factor)


def test_the_speed_goes_by_the_weights_and_is_unknown_for_a_base_of_another_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert expected_speed(base(tmp_path)) == TWO_CORES
    half = expected_speed(base(tmp_path, num_hidden_layers=15))
    assert half is not None
    assert 1.4 < half.train / TWO_CORES.train < 2
    assert expected_speed(base(tmp_path, hidden_size=4608)) is None
    assert expected_speed(base(tmp_path, num_hidden_layers=1, hidden_size=64)) is None
    assert expected_speed(tmp_path / "missing") is None
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert expected_speed(base(tmp_path)) is None


def test_a_terminal_shows_the_budget_without_being_asked_for_more() -> None:
    before = logging.getLogger().handlers[:]
    try:
        console.set_up_logging(verbose=False, debug=False)
        assert logging.getLogger("rationanomaly.model.budget").isEnabledFor(logging.INFO)
        assert not logging.getLogger("rationanomaly.training.loop").isEnabledFor(logging.INFO)
    finally:
        logging.getLogger().handlers[:] = before
        logging.getLogger("rationanomaly").setLevel(logging.NOTSET)
        logging.getLogger("rationanomaly.model.budget").setLevel(logging.NOTSET)


def test_the_first_rank_says_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "rationanomaly.model.budget")
    announce(TokenBudget("sft", trained=6_000_000), base(tmp_path, hidden_size=4608))
    assert caplog.messages == ["sft: tokens: 6,000,000 to train"]


@pytest.fixture(scope="module")
def published() -> Params:
    return load_params(ROOT / "profiles" / "bgl-spirit.yaml")


def test_the_published_profile_stays_within_its_budget_by_the_tokens_of_the_log_adapter(published: Params) -> None:
    """Half of its rows are rationales, the longer ones; of the adapter's at least half; its logs are no other."""
    card = json.loads((ROOT / "rationanomaly" / "model" / "log_adapter" / "card.json").read_bytes())["recipe"]
    assert published.sft.rationale_share == 0.5 and card["rows"]["direct"] <= card["rows"]["reason"]
    rows = published.sft.steps * published.sft.batch
    assert 250_000 < rows * card["row_tokens"] / sum(card["rows"].values()) < 300_000


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published templates are not here")
def test_the_published_profile_stays_within_its_budget_by_its_own_rows(published: Params) -> None:
    """Rows as `sft` makes them of a tenth of the steps, with all published templates in place of the learnt sides."""
    from transformers import AutoTokenizer

    pytest.importorskip("gguf")
    if importlib.util.find_spec(package.SMOLLM2.package) is None:
        pytest.skip(f"{package.SMOLLM2.requirement} is not installed")
    file = package.find()
    tokenizer = AutoTokenizer.from_pretrained(str(file.parent), gguf_file=file.name, local_files_only=True)
    with PUBLISHED.open(encoding="utf-8", newline="") as table:
        rows = [(show(row["template"], published.prompt).text, row["label"]) for row in csv.DictReader(table)]
    texts, labels = zip(*rows, strict=True)
    gold = Gold(texts, labels, tuple(range(len(texts))))
    sft = published.sft.model_copy(update={"steps": published.sft.steps // SAMPLED})
    unlabelled = [show(text, published.prompt).text for text in harvest(published.base.harvest)]
    pool = build_pool(texts, gold.abnormal, unlabelled, Undecided(), frozenset(), sft.pool, 0)
    made = build_rows(gold, [], pool, published.prompt, sft, 0)
    encoded, left_out = trainer.encode(made, tokenizer, published.prompt, 8192, FewShotExamples())
    assert len(encoded) == sft.steps * sft.batch and not left_out
    assert 250_000 < SAMPLED * trainer.tokens(encoded) < 300_000
