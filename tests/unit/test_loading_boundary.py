"""What was hashed is what is loaded, and the files of a model can't ask for anything else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.hostile_folders import swap
from rationanomaly import artifacts
from rationanomaly.errors import ArtifactError, InfrastructureError
from rationanomaly.model import boundary, config_keys, loading, private_copy, reading
from rationanomaly.model.folder import ModelFolder
from rationanomaly.records import BASE, DETECTOR, PRECEDENTS
from tests.micro_model import Trained
from tests.small_chat_model import save_small_chat_model


@pytest.fixture
def model(trained: Trained, tmp_path: Path) -> Path:
    shutil.copytree(trained.root / "sft", tmp_path / "model")
    return tmp_path / "model"


WEIGHTS = f"{BASE}/model.safetensors"


def test_weights_that_are_swapped_while_they_are_read_are_not_the_ones_that_are_loaded(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoModelForCausalLM

    whole = ModelFolder.open(model).load_base().get_output_embeddings().weight.clone()
    original = AutoModelForCausalLM.from_pretrained

    def swapped(*args: Any, **options: Any) -> Any:
        swap(model, WEIGHTS)
        (model / WEIGHTS).write_bytes(b"")
        return original(*args, **options)

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", swapped)
    assert ModelFolder.open(model).load_base().get_output_embeddings().weight.equal(whole)


def test_a_loaded_model_does_not_follow_its_file(model: Path) -> None:
    loaded = ModelFolder.open(model).load_base()
    before = loaded.get_output_embeddings().weight.clone()
    content = (model / WEIGHTS).read_bytes()
    with (model / WEIGHTS).open("r+b") as file:
        file.write(content[:1000] + b"\0" * (len(content) - 1000))
    assert loaded.get_output_embeddings().weight.equal(before)


def test_large_weights_that_are_touched_while_they_are_loaded_are_refused(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_copy, "LARGEST", 1000)
    folder = model / BASE
    with private_copy.private_copy(folder, reading.is_of_model) as copy:
        assert (copy.place / "model.safetensors").is_symlink()
        assert copy.digest == artifacts.sha256(folder)
    with (
        pytest.raises(ArtifactError, match=r"model\.safetensors: is not what it was"),
        private_copy.private_copy(folder, reading.is_of_model),
    ):
        swap(model, WEIGHTS)


def test_precedents_that_were_swapped_after_the_check_are_refused(model: Path) -> None:
    opened = ModelFolder.open(model)
    (model / PRECEDENTS).write_text("{}\n")
    with pytest.raises(ArtifactError, match=r"precedents\.jsonl: is not what it was"):
        _ = opened.precedents


@pytest.mark.parametrize(
    ("name", "load"),
    [
        ("tokenizer/tokenizer_config.json", lambda folder: folder.tokenizer),
        ("adapter/adapter_config.json", lambda folder: folder.load_adapted()),
        (WEIGHTS, lambda folder: folder.load_base()),
        (PRECEDENTS, lambda folder: folder.precedents),
    ],
)
def test_the_input_of_a_step_is_loaded_as_its_manifest_means_it(
    name: str, load: Callable[[ModelFolder], object], model: Path
) -> None:
    folder = ModelFolder.of_input(model)
    (model / name).write_bytes((model / name).read_bytes() + b"\n")
    with pytest.raises(ArtifactError, match="is not what it was when the folder was checked"):
        load(folder)


@pytest.mark.parametrize("open_folder", [ModelFolder.of_input, ModelFolder.open])
def test_a_card_that_the_manifest_does_not_mean_is_no_card(
    open_folder: Callable[[Path], ModelFolder], model: Path
) -> None:
    (model / DETECTOR).write_bytes((model / DETECTOR).read_bytes() + b"\n")
    with pytest.raises(ArtifactError, match=r"detector\.json"):
        open_folder(model)
    (model / artifacts.MANIFEST).unlink()
    with pytest.raises(ArtifactError, match="has no manifest"):
        open_folder(model)


def test_a_disk_without_room_is_no_fault_of_the_model(model: Path) -> None:
    with (
        pytest.raises(InfrastructureError, match="No space left"),
        boundary.inside(model / BASE, "model", reading.is_of_model),
    ):
        raise OSError(28, "No space left on device")


def test_whatever_a_library_raises_is_one_line(model: Path) -> None:
    class PanicException(BaseException):
        pass

    for error in (RuntimeError("one\ntwo"), RecursionError(), MemoryError(), PanicException("x" * 5000), KeyError("a")):
        with pytest.raises(ArtifactError) as caught, boundary.inside(model / BASE, "model", reading.is_of_model):
            raise error
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 500
    with pytest.raises(KeyboardInterrupt), boundary.inside(model / BASE, "model", reading.is_of_model):
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    "name", ["llama", "mistral", "qwen2", "qwen3", "gemma2", "phi3", "gpt2", "gpt_neox", "smollm3"]
)
def test_the_configs_that_transformers_saves_are_known(tmp_path: Path, name: str) -> None:
    from transformers import AutoConfig

    AutoConfig.for_model(name).save_pretrained(tmp_path)
    assert config_keys.read_config(tmp_path).model_type == name


def test_what_others_publish_is_known(tmp_path: Path) -> None:
    published = {
        "_name_or_path": "someone/model", "architectures": ["LlamaForCausalLM"], "bos_token_id": 1,
        "eos_token_id": [128001, 128008], "hidden_act": "silu", "hidden_size": 576, "initializer_range": 0.041,
        "intermediate_size": 1536, "is_llama_config": True, "max_position_embeddings": 8192, "model_type": "llama",
        "num_attention_heads": 9, "num_hidden_layers": 30, "num_key_value_heads": 3, "pad_token_id": 2,
        "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_interleaved": False, "rope_theta": 100000,
        "rope_scaling": {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "rope_type": "llama3",
                         "original_max_position_embeddings": 8192},
        "tie_word_embeddings": True, "torch_dtype": "bfloat16", "transformers_version": "4.42.3", "use_cache": True,
        "transformers.js_config": {"kv_cache_dtype": {"q4f16": "float16"}}, "vocab_size": 49152,
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(published))
    assert config_keys.read_config(tmp_path).hidden_size == 576


def test_a_chat_model_of_others_is_loaded(tmp_path: Path) -> None:
    folder = save_small_chat_model(tmp_path / "model")
    assert loading.load_tokenizer(folder).chat_template
    loaded = loading.load_base(folder)
    assert loaded.name_or_path == str(folder)


_QWEN2 = {
    "architectures": ["Qwen2ForCausalLM"], "hidden_size": 896, "max_position_embeddings": 32768,
    "max_window_layers": 24, "model_type": "qwen2", "num_attention_heads": 14, "num_hidden_layers": 24,
    "sliding_window": 32768, "torch_dtype": "bfloat16", "use_mrope": False, "use_sliding_window": False,
    "_attn_implementation_autoset": True,
}  # fmt: skip
_GPT_NEOX = {
    "hidden_size": 512, "max_position_embeddings": 2048, "model_type": "gpt_neox", "num_attention_heads": 8,
    "num_hidden_layers": 6, "rotary_emb_base": 10000, "rotary_pct": 0.25, "torch_dtype": "float16",
}  # fmt: skip
_OPT = {
    "_remove_final_layer_norm": False, "activation_dropout": 0.0, "max_position_embeddings": 2048,
    "model_type": "opt", "num_hidden_layers": 12, "prefix": "</s>",
}  # fmt: skip
_GEMMA3 = {
    "_sliding_window_pattern": 6, "cache_implementation": "hybrid", "model_type": "gemma3_text",
    "max_position_embeddings": 32768, "num_hidden_layers": 2,
    "layer_types": ["sliding_attention", "full_attention"],
}  # fmt: skip
_GPT2 = {"_num_labels": 1, "model_type": "gpt2", "n_ctx": 1024, "n_positions": 1024, "n_layer": 6}
_GPT_NEO = {
    "attention_types": [[["global", "local"], 1]], "attention_layers": ["global", "local"], "model_type": "gpt_neo",
    "max_position_embeddings": 2048, "num_layers": 2, "summary_type": "cls_index",
}  # fmt: skip


@pytest.mark.parametrize(
    "published", [_QWEN2, _GPT_NEOX, _OPT, _GEMMA3, _GPT2, _GPT_NEO], ids=lambda d: d["model_type"]
)
def test_configs_of_other_versions_of_transformers_are_known(tmp_path: Path, published: dict[str, Any]) -> None:
    (tmp_path / "config.json").write_text(json.dumps(published))
    assert config_keys.read_config(tmp_path).model_type == published["model_type"]


@pytest.mark.parametrize(
    "entry",
    [
        {"cache_implementation": "quantized"}, {"cache_implementation": "offloaded"}, {"repetition_penalty": 0},
        {"top_k": "x"}, {"top_k": 1.5}, {"min_p": 9}, {"eos_token_id": "x"}, {"return_dict_in_generate": True},
    ],
    ids=json.dumps,
)  # fmt: skip
def test_a_way_of_generating_that_would_fail_later_is_refused_when_a_model_is_loaded(
    tmp_path: Path, entry: dict[str, Any]
) -> None:
    (tmp_path / "generation_config.json").write_text(json.dumps(entry))
    with pytest.raises(ArtifactError, match=rf"generation_config\.json: says .* for `{next(iter(entry))}`"):
        config_keys.check_generation(tmp_path)


def test_how_published_models_generate_is_known(tmp_path: Path) -> None:
    published = {
        "bos_token_id": 151643, "do_sample": True, "eos_token_id": [151645, 151643], "pad_token_id": 151643,
        "repetition_penalty": 1.1, "temperature": 0.7, "top_k": 20, "top_p": 0.8, "cache_implementation": "hybrid",
        "transformers_version": "4.37.0",
    }  # fmt: skip
    (tmp_path / "generation_config.json").write_text(json.dumps(published))
    config_keys.check_generation(tmp_path)


@pytest.mark.parametrize("entry", [{"return_dict": False}, {"layer_types": ["linear_attention"]}, {"layer_types": 5}])
def test_a_config_of_which_no_verdict_comes_is_refused(tmp_path: Path, entry: dict[str, Any]) -> None:
    config = {"model_type": "llama", "num_hidden_layers": 1, "max_position_embeddings": 64} | entry
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ArtifactError, match=rf"config\.json: says .* for `{next(iter(entry))}`"):
        config_keys.read_config(tmp_path)


def test_a_config_that_transformers_does_not_take_is_one_line_where_only_its_context_is_asked_for(
    tmp_path: Path,
) -> None:
    config = {"model_type": "llama", "hidden_size": "32", "max_position_embeddings": 64}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ArtifactError, match="holds no config that can be loaded"):
        loading.read_context(tmp_path)
