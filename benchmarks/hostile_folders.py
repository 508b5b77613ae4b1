"""What is done to a copy of a model folder: the cases of `benchmarks.hostile_artifacts`."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rationanomaly.records import ADAPTER, BASE, MINER, PARSER, PRECEDENTS, TOKENIZER

DEPTH = 10_000
Damage = Callable[[Path, Path], None]


@dataclass(frozen=True)
class Case:
    """One hostile folder.

    Attributes:
        family: of its kind.
        name: what was done, to which file.
        damage: does it, to a folder; the second argument is a folder with private files.
        sealed_anew: all hashes are written anew behind it.
        meanwhile: what else is done between the check of the folder and its loading.
    """

    family: str
    name: str
    damage: Damage
    sealed_anew: bool = True
    meanwhile: Callable[[Path], None] | None = None


def cases(model: Path) -> list[Case]:
    """All that must be refused, of a model folder whose files lie in ``model``."""
    files = sorted(path.relative_to(model).as_posix() for path in model.rglob("*") if path.is_file())
    folders = sorted({Path(name).parent.as_posix() for name in files} - {"."})
    found = [
        Case(f"{kind} as found", name, partial(damage, name=name), sealed_anew=False)
        for kind, damage in DAMAGES.items()
        for name in files
        if damage not in (truncate, flip) or (model / name).stat().st_size
    ]
    found += [Case("folder as found", f"link {name}", partial(link_folder, name=name), False) for name in folders]
    found += [Case("added", name, damage, sealed_anew=True) for name, damage in ADDED.items()]
    for family, file, entries in KEYS:
        found += [
            Case(family, f"{file} {json.dumps(entry)[:60]}", partial(set_keys, name=file, entry=entry))
            for entry in entries
            if not says_so(model / file, entry)
        ]
    found += [
        Case("json sealed anew", name, partial(deepen, name=name))
        for name in files
        if name.endswith((".json", ".jsonl"))
        if name not in ("manifest.json", "metrics.json", "curves.jsonl")
    ]
    weights = [name for name in files if name.endswith(".safetensors")]
    found += [
        Case("safetensors", f"{what} in {name}", partial(rewrite_header, name=name, change=change))
        for what, change in HEADERS.items()
        for name in weights
    ]
    found += [
        Case("swapped after the check", name, untouched, False, partial(swap, name=name))
        for name in (*weights, f"{BASE}/config.json", f"{TOKENIZER}/tokenizer.json", f"{PARSER}/{MINER}", PRECEDENTS)
        if (model / name).stat().st_size
    ]
    found += [Case("chat template", name, partial(set_template, template=text)) for name, text in TEMPLATES.items()]
    return found


def says_so(file: Path, entry: dict[str, Any]) -> bool:
    """Whether a JSON file holds these values as it is: of a model of one layer its config says so."""
    return file.is_file() and entry.items() <= json.loads(file.read_bytes()).items()


def untouched(_folder: Path, _private: Path) -> None:
    """Nothing is done."""


def truncate(folder: Path, _private: Path, name: str) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(folder: Path, _private: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 0x55
    (folder / name).write_bytes(content)


def deepen(folder: Path, _private: Path, name: str) -> None:
    (folder / name).write_text('{"a":' * DEPTH + "1" + "}" * DEPTH)


def link(folder: Path, private: Path, name: str) -> None:
    (folder / name).unlink()
    (folder / name).symlink_to(private / "id_rsa")


def pipe(folder: Path, _private: Path, name: str) -> None:
    (folder / name).unlink()
    os.mkfifo(folder / name)


def link_folder(folder: Path, private: Path, name: str) -> None:
    """The folder is moved away, and a link leads to where it went."""
    moved = private.parent / f"moved-{name.replace('/', '-')}"
    (folder / name).rename(moved)
    (folder / name).symlink_to(moved)


DAMAGES = {"truncated": truncate, "flipped": flip, "deep json": deepen, "link": link, "pipe": pipe}


def swap(folder: Path, name: str) -> None:
    """Another file of the same size takes the place of one that was checked."""
    content = bytearray((folder / name).read_bytes())
    content[-2] ^= 0x01
    other = folder.parent / "other"
    other.write_bytes(content)
    other.replace(folder / name)


def set_keys(folder: Path, _private: Path, name: str, entry: dict[str, Any]) -> None:
    document = json.loads((folder / name).read_bytes()) | entry
    (folder / name).write_text(json.dumps(document))


def set_template(folder: Path, _private: Path, template: str) -> None:
    (folder / TOKENIZER / "chat_template.jinja").write_text(template)


def rewrite_header(
    folder: Path, _private: Path, name: str, change: Callable[[dict[str, Any], bytes], tuple[bytes, bytes]]
) -> None:
    """Write a safetensors file anew, with another header or other numbers."""
    content = (folder / name).read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header, numbers = change(json.loads(content[8 : 8 + length]), content[8 + length :])
    (folder / name).write_bytes(header + numbers)


def _packed(header: dict[str, Any]) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text


def _first(header: dict[str, Any]) -> str:
    return next(name for name in header if name != "__metadata__")


def _with_first(header: dict[str, Any], **entry: Any) -> bytes:
    name = _first(header)
    return _packed(header | {name: header[name] | entry})


HEADERS: dict[str, Callable[[dict[str, Any], bytes], tuple[bytes, bytes]]] = {
    "a header of 2^63 bytes": lambda header, numbers: (struct.pack("<Q", 2**63) + _packed(header)[8:], numbers),
    "a header of 1 GB": lambda header, numbers: (struct.pack("<Q", 2**30) + _packed(header)[8:], numbers),
    "a header cut off": lambda header, _: (_packed(header)[:60], b""),
    "a deep header": lambda _, numbers: (struct.pack("<Q", 2 * DEPTH) + b"[" * DEPTH + b"]" * DEPTH, numbers),
    "a list as header": lambda _, numbers: (struct.pack("<Q", 2) + b"[]", numbers),
    "an absurd shape": lambda header, numbers: (_with_first(header, shape=[2**40, 2**20]), numbers),
    "a negative shape": lambda header, numbers: (_with_first(header, shape=[-1, -8]), numbers),
    "another shape": lambda header, numbers: (_transposed(header), numbers),
    "offsets behind the end": lambda header, numbers: (_with_first(header, data_offsets=[2**40, 2**41]), numbers),
    "an unknown type": lambda header, numbers: (_with_first(header, dtype="PICKLE"), numbers),
    "another name": lambda header, numbers: (_packed(_renamed(header)), numbers),
    "numbers cut off": lambda header, numbers: (_packed(header), numbers[: len(numbers) // 2]),
    "numbers that are none": lambda header, numbers: (_packed(header), b"\xff" * len(numbers)),
    "an empty file": lambda _header, _numbers: (b"", b""),
}


def _renamed(header: dict[str, Any]) -> dict[str, Any]:
    name = _first(header)
    return {("other.weight" if key == name else key): value for key, value in header.items()}


def _transposed(header: dict[str, Any]) -> bytes:
    """Every matrix gets the shape that its transpose has."""
    entries = {name: one for name, one in header.items() if name != "__metadata__"}
    turned = {
        name: one | {"shape": [*one["shape"][:-2], *reversed(one["shape"][-2:])]} for name, one in entries.items()
    }
    return _packed(header | turned)


def _file(name: str, content: bytes) -> Damage:
    def damage(folder: Path, _private: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)

    return damage


def _device(folder: Path, _private: Path) -> None:
    (folder / BASE / "extra.json").symlink_to("/dev/zero")


def _index_outside(folder: Path, private: Path) -> None:
    moved = folder.parent / "outside.safetensors"
    (folder / BASE / "model.safetensors").rename(moved)
    names = ("../../outside.safetensors", str(moved))
    (folder / BASE / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {}, "weight_map": {"model.embed_tokens.weight": names[len(str(private)) % 2]}})
    )


ADDED: dict[str, Damage] = {
    "pickled weights": _file(f"{BASE}/pytorch_model.bin", b"\x80\x04K\x01."),
    "a pickled adapter": _file(f"{ADAPTER}/adapter_model.bin", b"\x80\x04K\x01."),
    "code": _file(f"{BASE}/modeling_llama.py", b"raise SystemExit"),
    "code of a tokenizer": _file(f"{TOKENIZER}/tokenization.py", b"raise SystemExit"),
    "a link to a device": _device,
    "an index that names weights outside": _index_outside,
}

_CONFIG = f"{BASE}/config.json"
_TEN_TO_THE_12 = 10**12
#: Family, file, and entries that are set in it one by one.
KEYS: tuple[tuple[str, str, tuple[dict[str, Any], ...]], ...] = (
    (
        "config of the base", _CONFIG, (
            {"auto_map": {"AutoModelForCausalLM": "other/repository--modeling.Model"}},
            {"kernels": {"attention": "someone/kernels"}}, {"use_kernels": True}, {"kernel_config": {"a": "b/c"}},
            {"attn_implementation": "someone/flash"}, {"_attn_implementation": "someone/flash"},
            {"_attn_implementation_internal": "someone/flash"}, {"experts_implementation": "someone/moe"},
            {"quantization_config": {"quant_method": "gptq", "bits": 4}},
            {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
            {"quantization_config": {"quant_method": "awq"}}, {"compression_config": {"format": "dense"}},
            {"model_type": "unheard-of"}, {"model_type": "mamba2"}, {"model_type": "bert"}, {"model_type": None},
            {"model_type": ["llama"]}, {"model_type": "../../private"},
            {"hidden_size": _TEN_TO_THE_12}, {"hidden_size": 33}, {"hidden_size": -1}, {"hidden_size": "32"},
            {"num_hidden_layers": _TEN_TO_THE_12}, {"num_hidden_layers": 4000}, {"num_hidden_layers": 1},
            {"num_hidden_layers": -2}, {"num_attention_heads": 0}, {"num_attention_heads": 7}, {"head_dim": 2**30},
            {"vocab_size": 2**30}, {"vocab_size": 1}, {"intermediate_size": 2**30}, {"intermediate_size": 1.5},
            {"max_position_embeddings": -1}, {"max_position_embeddings": 10**30}, {"max_position_embeddings": "many"},
            {"rope_parameters": {"rope_type": "unheard-of"}},
            {"rope_parameters": {"rope_type": {"a": {"b": {"c": {}}}}}},
            {"rms_norm_eps": 1e400}, {"hidden_act": "unheard-of"}, {"hidden_act": "__import__('os')"},
            {"dtype": "float8_e4m3fn"}, {"dtype": "os.system"}, {"text_config": {"model_type": "llama"}},
            {"architectures": "x" * 10_000}, {"custom_pipelines": {"x": {"impl": "a.b"}}}, {"is_encoder_decoder": True},
        ),
    ),
    (
        "how it generates", f"{BASE}/generation_config.json", (
            {"custom_generate": "someone/repository"}, {"compile_config": {"backend": "x"}},
            {"watermarking_config": {"x": 1}}, {"assistant_model": "a/b"}, {"stop_strings": ["a" * 100]},
            {"quantization_config": {"x": 1}}, {"temperature": {"a": 1}}, {"eos_token_id": {"a": 1}},
            {"cache_config": {"backend": "hqq"}}, {"suppress_tokens": list(range(5000))},
        ),
    ),
    (
        "config of the adapter", f"{ADAPTER}/adapter_config.json", (
            {"auto_mapping": {"base_model_class": "X", "parent_library": "os"}}, {"peft_type": "PROMPT_TUNING"},
            {"peft_type": "unheard-of"}, {"task_type": "SEQ_CLS"}, {"r": _TEN_TO_THE_12}, {"r": 0}, {"r": 4096},
            {"r": "32"}, {"target_modules": "(a+)+$"}, {"target_modules": ["(a+)+$"]}, {"target_modules": None},
            {"target_modules": ["unheard_of"]}, {"layers_pattern": "(a+)+$", "layers_to_transform": [0]},
            {"rank_pattern": {"(a+)+$": 8}}, {"alpha_pattern": {"(a+)+$": 8}}, {"exclude_modules": "(a+)+$"},
            {"init_lora_weights": "eva"}, {"init_lora_weights": "pissa"}, {"megatron_config": {"a": 1}},
            {"megatron_core": "os"}, {"loftq_config": {"a": 1}}, {"layer_replication": [[0, 10_000]]},
            {"use_dora": True}, {"unheard_of": 1}, {"modules_to_save": ["unheard_of"]}, {"modules_to_save": None},
            {"lora_alpha": {"a": 1}}, {"arrow_config": {"a": 1}},
            {"trainable_token_indices": [1]}, {"lora_dropout": -3.0},
        ),
    ),
    (
        "settings of the tokenizer", f"{TOKENIZER}/tokenizer_config.json", (
            {"auto_map": {"AutoTokenizer": ["other/repository--t.T", None]}}, {"tokenizer_class": "Unheard"},
            {"tokenizer_class": "os.system"}, {"tokenizer_class": ["LlamaTokenizer"]}, {"unheard_of": 1},
            {"eos_token": None}, {"eos_token": 7}, {"pad_token": {"a": 1}}, {"model_max_length": "many"},
            {"added_tokens_decoder": {"x": 1}}, {"extra_special_tokens": 5},
            {"chat_template": 5}, {"chat_template": "{% for"},
        ),
    ),
    (
        "the tokenizer", f"{TOKENIZER}/tokenizer.json", (
            {"model": {"type": "Unheard"}}, {"model": {"type": "BPE", "vocab": {}, "merges": []}},
            {"normalizer": {"type": "Replace", "pattern": {"String": "a"}, "content": "b" * 10**6}},
            {"pre_tokenizer": {"type": "Unheard"}}, {"pre_tokenizer": None, "version": "9.0"}, {"added_tokens": 5},
            {"post_processor": {"type": "Unheard"}}, {"decoder": 7},
        ),
    ),
    (
        "the card", "detector.json", (
            {"threshold": {"value": "many", "rule": "x"}}, {"max_completion": "many"},
            {"base": 5}, {"base": {"name": "x"}}, {"prompt": {"x": 1}},
            {"stage": "unheard-of"}, {"schema": 99}, {"detect": []},
        ),
    ),
    (
        "the parser", f"{PARSER}/{MINER}", ({"drain": 5}, {"masks": 5}, {"version": {}}, {"drain": {"clusters": [5]}}),
    ),
    (
        "settings of the parser", f"{PARSER}/settings.json", ({"depth": "deep"}, {"unheard_of": 1}, {"masks": 5}),
    ),
)  # fmt: skip

_HEAD = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
TEMPLATES = {
    "loops": "{% for a in range(99999) %}{% for b in range(99999) %}{{ a }}{% endfor %}{% endfor %}" + _HEAD,
    "loops without a word": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}" + _HEAD,
    "calls itself": "{% macro f(n) %}{{ f(n - 1) }}{{ f(n - 1) }}{% endmacro %}{{ f(40) }}" + _HEAD,
    "grows": "{% set n = namespace(x='aaaaaaaa') %}{% for i in range(40) %}{% set n.x = n.x ~ n.x %}{% endfor %}"
    + _HEAD,
    "grows by sums": "{% set n = namespace(x='aaaaaa') %}{% for i in range(40) %}{% set n.x = n.x + n.x %}{% endfor %}"
    + _HEAD,
    "multiplies": "{{ 'a' * 10000000000 }}" + _HEAD,
    "multiplies lists": "{% set x = [0] * 10000000000 %}" + _HEAD,
    "powers": "{{ 10 ** 10 ** 10 }}" + _HEAD,
    "formats": "{{ '%10000000000d' % 1 }}" + _HEAD,
    "formats by a method": "{{ '{:10000000000d}'.format(1) }}" + _HEAD,
    "centres": "{{ 'a'.center(10000000000) }}" + _HEAD,
    "centres by a filter": "{{ 'a'|center(10000000000) }}" + _HEAD,
    "replaces": "{% set x = 'a' * 90000 %}{{ x.replace('a', x).replace('a', x) }}" + _HEAD,
    "fails": "{{ raise_exception('no') }}" + _HEAD,
    "divides by zero": "{{ 1 / 0 }}" + _HEAD,
    "asks for attributes": "{{ ''.__class__.__mro__[1].__subclasses__() }}" + _HEAD,
    "asks for attributes by a filter": "{{ ''|attr('__class__') }}" + _HEAD,
    "asks for globals": "{{ lipsum.__globals__['os'].popen('id').read() }}" + _HEAD,
    "asks for globals of a loop": "{% for m in messages %}{{ loop.__init__.__globals__ }}{% endfor %}" + _HEAD,
    "includes": "{% include '/etc/passwd' %}" + _HEAD,
    "imports": "{% import 'os' as os %}" + _HEAD,
    "is no template": "{% for",
    "leaves the log out": "Answer: normal",
}
