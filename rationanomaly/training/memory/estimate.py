"""Bytes that one process holds at the peak of a training step, part by part.

Weights, gradients and optimiser follow from counts. Activations are what autograd keeps of a Llama layer whose base is
frozen and whose seven projections carry LoRA (compare Korthikanti et al., arXiv 2205.05198, §4, for a layer that
trains whole); attention is computed in tiles and keeps nothing quadratic, but where `model.attention` takes over.
`benchmarks/memory.py` holds the estimate against measured peaks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rationanomaly.model import attention
from rationanomaly.model.architecture import Architecture
from rationanomaly.model.batch_size import SCORED_AT_ONCE, SCORING_BYTES
from rationanomaly.params import Params
from rationanomaly.training import trl_compat
from rationanomaly.training.batching import Passes

GIGABYTE = 2**30
_SINGLE = 4  # bytes of a 32-bit number
#: Adam's two moments.
_ADAM = 2 * _SINGLE
#: On a GPU TRL scores completions in tiles of so many tokens and words of the vocabulary (trl.kernels.chunked_logprob).
_TILE_TOKENS, _TILE_WORDS = 4096, 32768
#: What the libraries of the trainers add to a process on a CPU; a CUDA context with its workspaces takes about as much.
RUNTIME = int(0.6 * GIGABYTE)
#: What the allocators keep of freed blocks: glibc, at worst, more than what is in use (it would keep nothing with
#: MALLOC_MMAP_THRESHOLD_=65536, and a step would take 1.7 times as long), CUDA's a tenth (not measured yet).
_KEPT_BY_GLIBC, _KEPT_BY_CUDA = 1.4, 0.1
_KEPT = "freed but kept"


@dataclass(frozen=True)
class Layout:
    """How a training is spread and what it does to save memory.

    Attributes:
        processes: that share one training, over all nodes.
        local: of them on one machine.
        zero: stage of ZeRO; 0 keeps everything in every process.
        offload: what ZeRO keeps in the memory of the machine: ``none``, ``optimizer`` or ``all``.
        gpu: each process has a GPU of its own.
        quantised: the base is loaded in 4 bits.
    """

    processes: int = 1
    local: int = 1
    zero: int = 0
    offload: str = "none"
    gpu: bool = False
    quantised: bool = False

    @classmethod
    def of(cls, params: Params, gpu: bool) -> Layout:
        """The layout that the params name."""
        training = params.training
        return cls(
            processes=training.processes,
            local=training.processes // training.nodes,
            zero={"ddp": 0, "zero2": 2, "zero3": 3}[training.strategy],
            offload=training.offload,
            gpu=gpu,
            quantised=training.quantisation == "nf4",
        )

    @property
    def checkpointing(self) -> bool:
        """Whether activations are computed again in the backward pass (`training.common_arguments`)."""
        return self.gpu


@dataclass(frozen=True)
class Work:
    """What one process does in one step.

    Attributes:
        passes: how many rows there are, and how many at once.
        tokens: of the longest row.
        scored: tokens of its completion; the head sees no others.
        rank: of the LoRA adapter.
        embeddings: embedding and head train as well.
        generations: completions that GRPO generates for a prompt; 0 in SFT.
        kl_reference: a frozen copy of the adapter is kept, for the KL.
        coherence: a second copy of the base is kept, to measure how coherent rationales are.
        validates: validation templates are scored during the training.
    """

    passes: Passes
    tokens: int
    scored: int
    rank: int
    embeddings: bool = False
    generations: int = 0
    kl_reference: bool = False
    coherence: bool = False
    validates: bool = True

    @property
    def generated(self) -> int:
        """Rows that are generated at once."""
        return self.passes.rows * self.passes.per_generation(self.generations) if self.generations else 0


@dataclass(frozen=True)
class Estimate:
    """The peak of one process.

    Attributes:
        parts: bytes by name, on the GPU or, without one, in the memory of the machine.
        host: bytes in the memory of the machine of a process that has a GPU; else 0.
    """

    parts: Mapping[str, float]
    host: float

    @property
    def total(self) -> float:
        """Bytes of all parts."""
        return sum(self.parts.values())

    @property
    def in_use(self) -> float:
        """Bytes of all parts but what the allocator keeps of freed blocks."""
        return self.total - self.parts[_KEPT]


def estimate(model: Architecture, work: Work, layout: Layout) -> Estimate:
    """The peak of one process of ``layout`` that does ``work`` with ``model``."""
    trained = model.lora_weights(work.rank) + (model.embedding_weights if work.embeddings else 0)
    merged = _merged(model, layout)
    phases = {
        "activations": _activations(model, work, layout) + _head(model, work, layout),
        "generation": _generation(model, work, layout) + (merged if work.generated else 0),
        "scoring": _scoring(model, work, layout) + (merged if work.validates else 0),
    }
    phase = max(phases, key=lambda name: phases[name])
    parts = {
        "weights": _weights(model, layout) + (model.weight_memory(quantised=False) if work.coherence else 0),
        "adapter": trained * _adapter_number(model, layout) * (2 if work.kl_reference else 1),
        "gradients and optimiser": _states(trained, _adapter_number(model, layout), layout),
        phase: phases[phase],
    }
    kept = _KEPT_BY_CUDA * sum(parts.values()) if layout.gpu else _KEPT_BY_GLIBC * phases[phase]
    parts |= {_KEPT: kept, "libraries": RUNTIME}
    return Estimate(parts, _host(model, trained, layout) if layout.gpu else 0)


def _weights(model: Architecture, layout: Layout) -> float:
    """Bytes of the base on the device."""
    whole = model.weight_memory(layout.quantised)
    if layout.zero < 3:
        return whole
    # Gathered at a time: the layer that computes, the one that is fetched ahead, and the larger embedding.
    gathered = (2 * model.layer_weights + model.vocabulary * model.hidden) * model.weight_bytes
    return (0 if layout.offload == "all" else whole / layout.processes) + gathered


def _adapter_number(model: Architecture, layout: Layout) -> int:
    """Bytes of one weight of the adapter; see `model.loading.adapter_options`."""
    return _SINGLE if layout.gpu or layout.zero else model.weight_bytes


def _merged(model: Architecture, layout: Layout) -> float:
    """The projections once more, with the adapter in them; see `model.merging`."""
    pays = not layout.gpu and layout.zero < 3 and (model.weight_bytes < _SINGLE or model.has_grouped_keys)
    return model.layers * model.layer_weights * model.weight_bytes if pays else 0


def _states(trained: int, number: int, layout: Layout) -> float:
    """Gradients and optimiser of the trained weights, which 32-bit weights belong to where the adapter has others.

    ZeRO shards both and keeps 32-bit weights of its shard.
    """
    if not layout.zero:
        return trained * (number + _ADAM + (_SINGLE if number < _SINGLE else 0))
    kept = _SINGLE if layout.offload != "none" else _SINGLE + _ADAM + _SINGLE
    return trained / layout.processes * kept


def _host(model: Architecture, trained: int, layout: Layout) -> float:
    """The whole base while it is loaded, or what is offloaded for good; both at once at stage 3."""
    loaded = model.weight_memory(quantised=False)
    offloaded = 0.0
    if layout.offload != "none":
        offloaded += trained / layout.processes * (_ADAM + _SINGLE)
    if layout.offload == "all":
        offloaded += loaded / layout.processes
    return loaded + offloaded + RUNTIME


def _activations(model: Architecture, work: Work, layout: Layout) -> float:
    """What the backward pass of the layers needs: all layers, or their inputs and one layer computed again."""
    number = _number_bytes(model, layout)
    tokens = work.passes.rows * work.tokens
    # Kept of a layer: inputs and outputs of two norms (their inputs in 32 bits); queries, keys, values and result of
    # attention, and that result once more, in another order, before the output projection; of the gated MLP the
    # gate before and after its activation, the other half, and their product.
    kept = 2 * model.hidden * (_SINGLE + number)
    grouped = model.has_grouped_keys and not layout.gpu and work.tokens <= attention.LONGEST
    keys = model.keys if grouped else max(model.keys, model.queries)
    kept += (3 * model.queries + 2 * keys + 4 * model.intermediate) * number
    if grouped:  # A weight for each token that a token sees, in 32 bits and in the model's own.
        kept += model.heads * work.tokens * (_SINGLE + (number if number < _SINGLE else 0))
    # In passing: gradients of the widest tensors.
    passing = (3 * model.intermediate + 2 * model.hidden) * number
    if layout.checkpointing:
        return tokens * (model.layers * model.hidden * number + kept + passing)
    return tokens * (model.layers * kept + passing)


def _head(model: Architecture, work: Work, layout: Layout) -> float:
    """Scoring the completions: their hidden states with a 32-bit gradient, one tile of logits with its copies."""
    number = _number_bytes(model, layout)
    scored = work.passes.rows * work.scored
    if layout.gpu:
        tile = min(scored, _TILE_TOKENS) * _TILE_WORDS * number
    else:  # Without Triton softmax and its parts are tensors of their own.
        logits = min(scored, trl_compat.tile_tokens(model.vocabulary)) * model.vocabulary
        parts = logits if model.vocabulary <= trl_compat.NARROW else min(logits, trl_compat.SLICE)
        tile = logits * number + 4 * parts * _SINGLE
    gradient = model.vocabulary * model.hidden * _SINGLE if work.embeddings else 0
    return scored * model.hidden * (number + _SINGLE) + tile + gradient


def _generation(model: Architecture, work: Work, layout: Layout) -> float:
    """Keys and values of every layer for all rows at once, and copies of the logits of one token."""
    number = _number_bytes(model, layout)
    one_layer = 2 * (model.keys + model.queries) * number * work.tokens
    logits = 4 * model.vocabulary * _SINGLE
    return work.generated * (model.cache_bytes(number) * work.tokens + one_layer + logits)


def _scoring(model: Architecture, work: Work, layout: Layout) -> float:
    """What the scorer takes for validation templates: a fixed amount, or what its largest batch needs."""
    widest = SCORED_AT_ONCE * model.cache_bytes(_number_bytes(model, layout)) * work.tokens
    return min(SCORING_BYTES, widest) if work.validates else 0


def _number_bytes(model: Architecture, layout: Layout) -> int:
    """Bytes of one activation: bf16 on a GPU, else as the weights are stored."""
    return 2 if layout.gpu else model.weight_bytes
