from __future__ import annotations

import importlib.util

import pytest

from rationanomaly.errors import InfrastructureError, ParamsError
from rationanomaly.grpo import engine
from rationanomaly.params import Params, load_params
from tests.conftest import ROOT

ENGINES = pytest.mark.parametrize("name", ["vllm-colocate", "vllm-server"])


def _params(name: str, *settings: str) -> Params:
    return load_params(ROOT / "params.yaml", [f"grpo.generation={name}", *settings])


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)


def test_transformers_writes_where_nothing_else_is_asked_for(params: Params) -> None:
    engine.check(params.grpo, params.training, literal_quotes=True)
    assert engine.options(params.grpo) == {}
    assert engine.reserved(params.grpo) == 0


@ENGINES
def test_vllm_is_refused_where_quotes_are_held_to_the_log(name: str, gpu: None) -> None:
    params = _params(name)
    with pytest.raises(ParamsError, match=r"vLLM can't hold quotes to the log\. Set grpo\.generation to transformers"):
        engine.check(params.grpo, params.training, literal_quotes=True)


@ENGINES
def test_vllm_is_refused_where_it_is_not_installed(name: str, gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    params = _params(name)
    with pytest.raises(InfrastructureError, match=r"vllm is not installed\. Run `pip install 'rationanomaly\[vllm\]'`"):
        engine.check(params.grpo, params.training, literal_quotes=False)


def test_vllm_is_refused_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    params = _params("vllm-server")
    with pytest.raises(InfrastructureError, match="needs a GPU"):
        engine.check(params.grpo, params.training, literal_quotes=False)


def test_vllm_is_refused_with_a_base_in_four_bits(gpu: None) -> None:
    params = _params("vllm-colocate", "training.quantisation=nf4")
    with pytest.raises(ParamsError, match=r"training\.quantisation is nf4"):
        engine.check(params.grpo, params.training, literal_quotes=False)


@pytest.mark.parametrize(("release", "refused"), [("0.21.1", True), ("0.24.0+cu129", False), ("0.32.0", True)])
def test_vllm_is_refused_in_a_release_that_trl_does_not_support(
    release: str, refused: bool, gpu: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from trl import import_utils

    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: object())
    monkeypatch.setattr(import_utils, "_is_package_available", lambda *_, **__: (True, release))
    params = _params("vllm-server")
    if refused:
        with pytest.raises(InfrastructureError, match=rf"supports vLLM versions from 0\.22\.0 to .* version {release}"):
            engine.check(params.grpo, params.training, literal_quotes=False)
    else:
        engine.check(params.grpo, params.training, literal_quotes=False)
        (warning,) = caplog.messages
        assert "without the form" in warning
        assert "grpo/in_form is 0" in warning


def test_vllm_in_the_trainer_is_refused_where_it_would_find_no_tokenizer(gpu: None) -> None:
    params = _params("vllm-colocate")
    with pytest.raises(ParamsError, match="no tokenizer beside it"):
        engine.check(params.grpo, params.training, literal_quotes=False, copied=True)


@ENGINES
def test_what_trl_is_given_is_what_it_knows(name: str) -> None:
    from trl import GRPOConfig

    params = _params(name, "grpo.vllm.url=http://vllm:8000", "grpo.vllm.memory_share=0.4")
    config = GRPOConfig(output_dir="unused", use_cpu=True, bf16=False, **engine.options(params.grpo))
    assert config.use_vllm
    if name == "vllm-server":
        assert (config.vllm_mode, config.vllm_server_base_url) == ("server", "http://vllm:8000")
    else:
        assert (config.vllm_mode, config.vllm_gpu_memory_utilization) == ("colocate", 0.4)
        assert engine.reserved(params.grpo) == 0.4
