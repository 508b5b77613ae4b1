"""The shape of a decoder of Llama's kind, read from its ``config.json`` alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rationanomaly.errors import ArtifactError
from rationanomaly.regular_files import read_json

_WEIGHT_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
#: 4-bit weights with one 8-bit scale to 64 of them, and one 32-bit scale to 256 of those (QLoRA, arXiv 2305.14314, §3).
_NF4_BYTES = 0.5 + 1 / 64 + 4 / (64 * 256)


@dataclass(frozen=True)
class Architecture:
    """What the number of weights and the sizes of activations follow from.

    Attributes:
        layers, hidden, intermediate, heads, vocabulary, context: as ``config.json`` calls them, without the suffixes.
        key_heads: heads that keys and values have; fewer than ``heads`` with grouped queries.
        head: size of one head.
        tied: the head shares its weights with the embedding.
        weight_bytes: of one stored weight.
    """

    layers: int
    hidden: int
    intermediate: int
    heads: int
    key_heads: int
    head: int
    vocabulary: int
    context: int
    tied: bool
    weight_bytes: int

    @classmethod
    def read(cls, files: Path) -> Architecture | None:
        """The architecture of the model in ``files``; None where its config does not have Llama's keys."""
        try:
            return cls.of(read_json(files / "config.json", "is no config", "Take another base"))
        except (ArtifactError, OSError, ValueError, KeyError, TypeError, OverflowError):
            return None

    @classmethod
    def of(cls, config: dict[str, Any]) -> Architecture:
        """The architecture that a parsed ``config.json`` describes.

        Raises:
            KeyError, TypeError, ValueError: it does not have Llama's keys.
        """
        hidden, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
        return cls(
            layers=int(config["num_hidden_layers"]),
            hidden=hidden,
            intermediate=int(config["intermediate_size"]),
            heads=heads,
            key_heads=int(config.get("num_key_value_heads") or heads),
            head=int(config.get("head_dim") or hidden // heads),
            vocabulary=int(config["vocab_size"]),
            context=int(config["max_position_embeddings"]),
            tied=bool(config.get("tie_word_embeddings", False)),
            weight_bytes=_WEIGHT_BYTES.get(str(config.get("dtype") or config.get("torch_dtype")), 4),
        )

    @property
    def queries(self) -> int:
        """Width of all heads together."""
        return self.heads * self.head

    @property
    def keys(self) -> int:
        """Width of the keys, and of the values, of one layer."""
        return self.key_heads * self.head

    @property
    def has_grouped_keys(self) -> bool:
        """Whether several queries share a key."""
        return self.key_heads < self.heads

    @property
    def layer_weights(self) -> int:
        """Weights of the seven projections of one layer."""
        attention = 2 * self.hidden * self.queries + 2 * self.hidden * self.keys
        return attention + 3 * self.hidden * self.intermediate

    @property
    def embedding_weights(self) -> int:
        """Weights of the embedding, and as many of the head unless it is tied."""
        return self.vocabulary * self.hidden * (1 if self.tied else 2)

    @property
    def weights(self) -> int:
        """All weights, norms included."""
        norms = (2 * self.layers + 1) * self.hidden
        return self.layers * self.layer_weights + self.embedding_weights + norms

    def weight_memory(self, quantised: bool) -> float:
        """Bytes of the base; quantised, its projections are NF4 and the rest keeps its precision."""
        projections = self.layers * self.layer_weights
        size = _NF4_BYTES if quantised else self.weight_bytes
        return projections * size + (self.weights - projections) * self.weight_bytes

    def cache_bytes(self, number: int) -> int:
        """Bytes of keys and values of one token in all layers, ``number`` bytes each."""
        return 2 * self.layers * self.keys * number

    def lora_weights(self, rank: int) -> int:
        """Weights of a LoRA adapter on the seven projections of every layer: rank × (inputs + outputs) each."""
        attention = 2 * (self.hidden + self.queries) + 2 * (self.hidden + self.keys)
        return self.layers * rank * (attention + 3 * (self.hidden + self.intermediate))
