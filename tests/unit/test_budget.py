"""The token budget of a step: its line, the minutes where the speed of the base is known, and who hears of it."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rationanomaly.cli import console
from rationanomaly.model.budget import TWO_CORES, Speed, TokenBudget, announce, expected_speed

SMOL = {
    "num_hidden_layers": 30, "hidden_size": 576, "intermediate_size": 1536, "num_attention_heads": 9,
    "num_key_value_heads": 3, "vocab_size": 49152, "max_position_embeddings": 8192, "tie_word_embeddings": True,
}  # fmt: skip


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
