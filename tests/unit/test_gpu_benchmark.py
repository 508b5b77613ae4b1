"""The benchmark of a GPU runs: its measurements need one, its code does not."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest

from benchmarks import gpu, gpu_levers
from benchmarks.gpu import Measured
from benchmarks.gpu_model import LLAMA2_7B, adapted, tokenizer_of
from rationanomaly.model.architecture import Architecture

#: Those that need neither a package nor a compiler.
RUN_HERE = ("packing", "length-buckets", "generate-together")


def _run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    monkeypatch.setattr(sys, "argv", ["gpu", "--small", "--steps", "1", *arguments])
    assert gpu.main() == 0
    return capsys.readouterr().out


def test_the_small_form_measures_both_trainers_on_the_cpu_as_the_profile_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    models: list[Any] = []

    def watched(*arguments: Any) -> Any:
        models.append(adapted(*arguments))
        return models[-1]

    monkeypatch.setattr(gpu, "adapted", watched)
    out = _run(monkeypatch, capsys)
    (sft,), (grpo,) = re.findall(r"^SFT: .*", out, re.MULTILINE), re.findall(r"^GRPO: .*", out, re.MULTILINE)
    assert re.search(r"of 8 rows, [1-9][\d,]* tokens/s", sft)
    step, *parts = (float(part) for part in re.findall(r"\d+\.\d{3}", grpo))
    assert sum(parts) == pytest.approx(step, abs=0.002)
    assert min(parts) > 0
    assert re.search(r"[1-9][\d,]* tokens of completions/s", grpo)
    assert out.count("estimated") == 2
    first, second = models
    assert first.peft_config["default"].lora_dropout == 0.05
    assert set(second.peft_config) == {"default", "ref"}, "no KL reference"
    assert all(weight.abs().sum() > 0 for name, weight in second.named_parameters() if "lora_B.ref" in name)


@pytest.mark.slow
def test_levers_are_measured_beside_the_plain_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = _run(monkeypatch, capsys, *(word for name in RUN_HERE for word in ("--lever", name)))
    for name in RUN_HERE:
        assert f" with {name}: " in out
    assert out.count("SFT with rows of mixed lengths: ") == 2


def test_the_tokenizer_has_the_words_of_the_model() -> None:
    assert len(tokenizer_of(LLAMA2_7B["vocab_size"])) == LLAMA2_7B["vocab_size"]
    assert Architecture.of(LLAMA2_7B).weights == pytest.approx(6.74e9, rel=0.01)


def test_rows_in_buckets_are_the_same_rows_step_by_step() -> None:
    buckets = next(lever for lever in gpu_levers.LEVERS if lever.name == "length-buckets")
    plain, sorted_rows = (
        [len(ids) for ids in gpu_levers.rows(lever, 3, 8, 160, 200)["input_ids"]]
        for lever in (gpu_levers.MIXED, buckets)
    )
    assert len(set(plain)) > 8
    for step in range(0, 24, 8):
        assert sorted(plain[step : step + 8]) == sorted_rows[step : step + 8]


@pytest.mark.parametrize(("tokens", "fits", "code"), [(20_000.0, True, 0), (900.0, True, 1), (20_000.0, False, 1)])
def test_what_is_short_ends_with_1(tokens: float, fits: bool, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu._targets(Measured(tokens, 0.6, fits), Measured(tokens, 0.0, True)) == code
    assert ("short" in capsys.readouterr().out) == bool(code)
