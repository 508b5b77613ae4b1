from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from rationanomaly.device import quantisation
from rationanomaly.errors import InfrastructureError
from rationanomaly.params import Params, TrainingParams


def _training(params: Params, **changes: Any) -> TrainingParams:
    return params.training.model_copy(update={"quantisation": "nf4", **changes})


def test_without_quantisation_nothing_is_asked_for(params: Params) -> None:
    quantisation.check(params.training)
    assert quantisation.load_options(params.training) == {}
    assert quantisation.load_options(None) == {}


def test_four_bits_need_a_gpu(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(
        InfrastructureError, match=r"needs a GPU, and there is none\. Set training\.quantisation to none"
    ):
        quantisation.check(_training(params))


def test_four_bits_need_bitsandbytes(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    hint = r"bitsandbytes is not installed\. Run `pip install 'rationanomaly\[gpu\]'`"
    with pytest.raises(InfrastructureError, match=hint):
        quantisation.check(_training(params))


def test_the_base_is_loaded_as_qlora_wants_it(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setenv("LOCAL_RANK", "3")
    options = quantisation.load_options(_training(params))
    config = options["quantization_config"]
    assert (config.bnb_4bit_quant_type, config.bnb_4bit_use_double_quant) == ("nf4", True)
    assert config.bnb_4bit_compute_dtype == torch.bfloat16
    assert options["device_map"] == {"": 3}
