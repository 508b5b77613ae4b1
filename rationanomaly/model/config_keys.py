"""What the JSON files of a model may ask for: known keys with plain values, nothing that brings in other software.

The configs that transformers and peft read can name kernels of the hub, quantisers, code, other models and patterns
that are matched for ever. Here a key has to be one of the architecture's own numbers, or stand on a list; all else is
refused by name, so that what is new in a later version of a library is refused, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rationanomaly.errors import ArtifactError, one_line
from rationanomaly.regular_files import read_object

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

CONFIG, GENERATION, ADAPTER_CONFIG = "config.json", "generation_config.json", "adapter_config.json"
TOKENIZER_CONFIG, TOKENIZER_FILE = "tokenizer_config.json", "tokenizer.json"
_HINT = "Take the file from where the model comes from, or take another base"
#: Keys of any architecture's config: numbers and names; the tables among them are those of `_TABLES`.
_OF_ANY_MODEL = frozenset(
    (
        "_name_or_path", "architectures", "bos_token_id", "chunk_size_feed_forward", "do_sample", "dtype",
        "eos_token_id", "head_dim", "id2label", "is_decoder", "is_encoder_decoder", "is_llama_config", "label2id",
        "layer_types", "max_length", "max_position_embeddings", "model_type", "n_ctx", "num_key_value_heads",
        "output_attentions", "output_hidden_states", "output_past", "pad_token_id", "partial_rotary_factor",
        "pretraining_tp", "problem_type", "return_dict", "rope_interleaved", "rope_parameters", "rope_scaling",
        "rope_theta", "rotary_dim", "sep_token_id", "sliding_window", "task_specific_params", "tie_word_embeddings",
        "torch_dtype", "transformers.js_config", "transformers_version", "unsloth_fixed", "unsloth_version",
        "use_cache", "use_sliding_window", "vocab_size",
    )
)  # fmt: skip
#: What published configs hold beyond their architecture's keys: settings of other versions of transformers and of the
#: programs that trained them. All are numbers, switches or plain names, and bring in nothing.
_OF_OTHER_VERSIONS = frozenset(
    (
        "_attn_implementation_autoset", "_num_labels", "_remove_final_layer_norm", "_sliding_window_pattern",
        "activation_dropout", "activation_function", "attention_bias", "attention_dropout", "attention_layers",
        "attention_softmax_in_fp32", "bias_dropout_fusion", "cache_implementation", "cross_attention_hidden_size",
        "dropout",
        "first_k_dense_replace", "finetuning_task", "gradient_checkpointing", "hidden_act", "hidden_activation",
        "initializer_range", "layer_norm_eps",
        "layer_norm_epsilon", "layerdrop", "masked_softmax_fusion", "max_sequence_length", "max_window_layers",
        "mlp_bias", "mlp_type", "model_max_length", "multi_query", "n_embed", "n_inner", "n_positions",
        "no_rope_layer_interval", "norm_epsilon", "norm_type", "num_logits_to_keep", "offset_alibi",
        "original_max_position_embeddings", "prefix", "qkv_bias", "rope_local_base_freq", "rotary", "rotary_emb_base",
        "rotary_emb_fraction", "rotary_emb_interleaved", "rotary_pct", "scale_attn_weights", "seq_length",
        "skip_bias_add", "skip_bias_add_qkv", "slow_but_exact", "summary_activation", "summary_first_dropout",
        "summary_proj_to_labels", "summary_type", "summary_use_proj", "tokenizer_class", "unk_token_id", "use_bias",
        "use_mrope",
    )
)  # fmt: skip
_TABLES = frozenset(
    (
        "attention_types", "id2label", "label2id", "rope_parameters", "rope_scaling", "task_specific_params",
        "transformers.js_config",
    )
)  # fmt: skip
_DTYPES = (None, "auto", "float32", "float16", "bfloat16")
_GENERATION_KEYS = frozenset(
    (
        "_from_model_config", "bos_token_id", "cache_implementation", "do_sample", "eos_token_id", "max_length",
        "max_new_tokens", "min_p", "output_attentions", "output_hidden_states", "output_scores", "pad_token_id",
        "repetition_penalty", "return_dict_in_generate", "temperature", "top_k", "top_p", "transformers_version",
        "typical_p", "use_cache",
    )
)  # fmt: skip
#: Ranges of what would fail only when a text is written; caches of other kinds need a GPU or another package.
_GENERATION_RANGES = {
    "max_length": (0, 2**31), "max_new_tokens": (1, 2**31), "min_p": (0, 1), "repetition_penalty": (0.01, 100),
    "temperature": (0, 100), "top_k": (0, 2**31), "top_p": (0, 1), "typical_p": (0, 1),
}  # fmt: skip
_WHOLE = ("max_length", "max_new_tokens", "top_k")
_CACHES = (None, "dynamic", "hybrid", "hybrid_chunked", "sliding_window", "static")
_TOKEN_IDS = ("bos_token_id", "eos_token_id", "pad_token_id")
_ATTENTION_TYPES = frozenset(("full_attention", "sliding_attention", "chunked_attention"))
#: Of a LoRA adapter what may differ from peft's defaults.
_ADAPTER_KEYS = frozenset(
    (
        "base_model_name_or_path", "fan_in_fan_out", "inference_mode", "lora_alpha", "lora_dropout",
        "modules_to_save", "peft_type", "peft_version", "r", "target_modules", "task_type", "use_rslora",
    )
)  # fmt: skip
_TOKENIZER_KEYS = frozenset(
    (
        "add_bos_token", "add_eos_token", "add_prefix_space", "added_tokens_decoder", "additional_special_tokens",
        "backend", "bos_token", "chat_template", "clean_up_tokenization_spaces", "cls_token", "do_lower_case",
        "eos_token", "errors", "extra_special_tokens", "from_slow", "is_local", "legacy", "local_files_only",
        "mask_token", "max_length", "model_input_names", "model_max_length", "model_specific_special_tokens",
        "name_or_path", "normalizer", "pad_to_multiple_of", "pad_token", "pad_token_type_id", "padding_side",
        "processor_class", "return_token_type_ids", "sep_token", "sp_model_kwargs", "spaces_between_special_tokens",
        "special_tokens_map_file", "split_special_tokens", "stride", "strip_accents", "tokenize_chinese_chars",
        "tokenizer_class", "tokenizer_file", "truncation_side", "truncation_strategy", "unk_token",
        "use_default_system_prompt", "vocab_size",
    )
)  # fmt: skip
#: What an older tokenizer has in place of `TOKENIZER_FILE`.
_OTHER_VOCABULARIES = ("tokenizer.model", "vocab.json", "vocab.txt")
#: Longest list, text and number of layers or heads; deepest table; largest whole number.
_LONGEST_LIST, _LONGEST_TEXT, _MOST_PARTS, _DEEPEST, _LARGEST = 4096, 1000, 4096, 3, 2**31
#: Characters of a text in a tokenizer that is put in the place of others, or searched for.
_LONGEST_PATTERN = 10_000
_LARGEST_RANK = 4096


def read_config(folder: Path) -> PreTrainedConfig:
    """The config of the causal language model in a folder; nothing is asked of the network or of other packages.

    Raises:
        ArtifactError: no such file or architecture, a key that no such model has, or a value that none may have.
    """
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    path = folder / CONFIG
    document = _object(path)
    name = document.get("model_type")
    if not isinstance(name, str) or name not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        problem = f"is of the architecture {_shown(name)}, which is no causal language model that transformers knows"
        raise ArtifactError(problem, file=path, hint="Take another base")
    if "quantization_config" in document:
        hint = "Take the model in full precision; training.quantisation quantises it where there is a GPU"
        raise ArtifactError("asks for quantised weights (`quantization_config`)", file=path, hint=hint)
    made = CONFIG_MAPPING[name]
    _check_keys(path, document, _OF_ANY_MODEL | _OF_OTHER_VERSIONS | _own_keys(made))
    for key in ("dtype", "torch_dtype"):
        if document.get(key) not in _DTYPES:
            raise ArtifactError(f"says {_shown(document[key])} for `{key}`", file=path, hint=_HINT)
    for key, value in document.items():
        if key.startswith(("num_", "n_layer", "n_head")) and isinstance(value, int) and value > _MOST_PARTS:
            raise ArtifactError(f"says {_shown(value)} for `{key}`", file=path, hint=_HINT)
    if document.get("return_dict") is False:
        raise ArtifactError("says False for `return_dict`", file=path, hint=_HINT)
    if document.get("is_encoder_decoder"):
        raise ArtifactError("is of a model with an encoder", file=path, hint="Take another base")
    known_types = _ATTENTION_TYPES | frozenset(_defaults(made).get("layer_types") or ())
    types = document.get("layer_types") or []
    if not isinstance(types, list) or not all(isinstance(one, str) and one in known_types for one in types):
        raise ArtifactError(f"says {_shown(types)} for `layer_types`", file=path, hint=_HINT)
    config: PreTrainedConfig = made.from_dict(document)
    context = getattr(config, "max_position_embeddings", None)
    if not isinstance(context, int) or context < 1:
        raise ArtifactError(f"says {_shown(context)} for `max_position_embeddings`", file=path, hint=_HINT)
    return config


def _own_keys(made: type) -> frozenset[str]:
    """The keys that the config of an architecture declares or writes itself, and its other names of the common ones."""
    own = {name for name in vars(made).get("__annotations__", {}) if not name.startswith("_")}
    return frozenset(own | set(_defaults(made)) | set(getattr(made, "attribute_map", {})))


def _defaults(made: Callable[[], PreTrainedConfig]) -> dict[str, Any]:
    """What the config of an architecture says if nobody says otherwise; nothing where somebody has to."""
    try:
        found: dict[str, Any] = made().to_dict()
    except Exception:
        return {}
    return found


def check_generation(folder: Path) -> None:
    """Check how a model says that it generates, if it does.

    Raises:
        ArtifactError: a key that is not on the list, or no plain value.
    """
    path = folder / GENERATION
    if not path.is_file():
        return
    document = _object(path)
    _check_keys(path, document, _GENERATION_KEYS)
    for key, value in document.items():
        if not _generates(key, value):
            raise ArtifactError(f"says {_shown(value)} for `{key}`", file=path, hint=_HINT)


def _generates(key: str, value: Any) -> bool:
    """Whether a text can be written with a value of this key."""
    if key == "cache_implementation":
        return value in _CACHES
    if key == "return_dict_in_generate":
        return not value
    if value is None:
        return True
    if key in _TOKEN_IDS:
        return all(type(one) is int for one in (value if isinstance(value, list) else [value]))
    if key in _GENERATION_RANGES:
        lowest, highest = _GENERATION_RANGES[key]
        return type(value) in ((int,) if key in _WHOLE else (int, float)) and lowest <= value <= highest
    return True


def check_adapter(folder: Path) -> int:
    """Check the config of a LoRA adapter and return its rank.

    Raises:
        ArtifactError: another kind of adapter, a key that is not on the list and asks for something, or a pattern where
            a list of names belongs.
    """
    from dataclasses import MISSING, fields

    from peft import LoraConfig

    path = folder / ADAPTER_CONFIG
    document = _object(path)
    hint = "Train the model anew"
    if (document.get("peft_type"), document.get("task_type")) != ("LORA", "CAUSAL_LM"):
        raise ArtifactError("is not the config of a LoRA adapter", file=path, hint=hint)
    defaults = {one.name: one.default for one in fields(LoraConfig) if one.default is not MISSING}
    plain = {key: value for key, value in document.items() if key in _ADAPTER_KEYS}
    _check_keys(path, plain, _ADAPTER_KEYS)
    for key, value in document.items():
        if key not in _ADAPTER_KEYS and value not in (None, False, {}, [], defaults.get(key)):
            raise ArtifactError(f"asks for {_shown(value)} as `{_shown(key)}`", file=path, hint=hint)
    for key in ("target_modules", "modules_to_save"):
        value = document.get(key)
        named = isinstance(value, list) and all(isinstance(one, str) and one.isidentifier() for one in value)
        if not (named or (value is None and key == "modules_to_save")):
            raise ArtifactError(f"does not list names of modules as `{key}`", file=path, hint=hint)
    rank = document.get("r")
    if type(rank) is not int or not 0 < rank <= _LARGEST_RANK:
        raise ArtifactError(f"says {_shown(rank)} for the rank `r`", file=path, hint=hint)
    dropout = document.get("lora_dropout", 0)
    if not isinstance(dropout, (int, float)) or not 0 <= dropout < 1:
        raise ArtifactError(f"says {_shown(dropout)} for `lora_dropout`", file=path, hint=hint)
    return rank


def check_tokenizer(folder: Path) -> None:
    """Check the files of a tokenizer: its settings, and that no rule of it replaces a character by a book.

    Raises:
        ArtifactError: a key or class that is not known, or a rule with a text of more than 10,000 characters.
    """
    from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES

    path = folder / TOKENIZER_CONFIG
    if path.is_file():
        document = _object(path)
        unknown = document.keys() - _TOKENIZER_KEYS
        if unknown:
            raise ArtifactError(f"holds the unknown key `{_shown(min(unknown))}`", file=path, hint=_HINT)
        known = {"PreTrainedTokenizerFast", "TokenizersBackend", *TOKENIZER_MAPPING_NAMES.values()}
        named = document.get("tokenizer_class")
        if named is not None and named not in known | {f"{one}Fast" for one in known if one}:
            raise ArtifactError(f"asks for the class {_shown(named)}", file=path, hint=_HINT)
    path = folder / TOKENIZER_FILE
    if not path.is_file():
        if any((folder / name).is_file() for name in _OTHER_VOCABULARIES):
            return
        hint = "Save the tokenizer with a current version of transformers"
        raise ArtifactError("is missing", file=path, hint=hint)
    document = _object(path)
    rules = [value for key, value in document.items() if key not in ("model", "added_tokens")]
    while rules:
        value = rules.pop()
        if isinstance(value, str) and len(value) > _LONGEST_PATTERN:
            raise ArtifactError("has a rule with a text that is too long", file=path, hint=_HINT)
        if isinstance(value, list):
            rules += value
        elif isinstance(value, dict):
            rules += [one for key, one in value.items() if key != "precompiled_charsmap"]


def _object(path: Path) -> dict[str, Any]:
    return read_object(path, "is no JSON that a model's files may hold", _HINT)


def _check_keys(path: Path, document: Mapping[str, Any], known: Collection[str]) -> None:
    for key, value in document.items():
        if key not in known:
            raise ArtifactError(f"holds the unknown key `{_shown(key)}`", file=path, hint=_HINT)
        if not _is_plain(value, _DEEPEST if key in _TABLES else 1 if isinstance(value, list) else 0):
            raise ArtifactError(f"says {_shown(value)} for `{key}`", file=path, hint=_HINT)


def _is_plain(value: Any, depth: int) -> bool:
    """Whether a value is a bounded text or finite number, or a list or table of such, no deeper than ``depth``."""
    match value:
        case None | bool():
            return True
        case int() | float():
            return math.isfinite(value) and abs(value) < _LARGEST
        case str():
            return len(value) <= _LONGEST_TEXT
        case list():
            return bool(depth) and len(value) <= _LONGEST_LIST and all(_is_plain(one, depth - 1) for one in value)
        case dict():
            return bool(depth) and len(value) <= _LONGEST_LIST and all(_is_plain(v, depth - 1) for v in value.values())
        case _:
            return False


def _shown(value: Any) -> str:
    text = one_line(repr(value) if not isinstance(value, str) else value)
    return text if len(text) <= 60 else f"{text[:60]} ..."
