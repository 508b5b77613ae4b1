"""Coherence: perplexity of the rationale under a frozen language model, loaded once and run in batches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

#: In nats; its exponential is near the largest float.
_LARGEST_LOSS = 700.0


class PerplexityModel(Protocol):
    """Anything that says how surprising texts are: a frozen model, or the KL reference's own probabilities."""

    def perplexities(self, texts: Sequence[str]) -> list[float]:
        """The perplexity of each text, at least 1; infinity for a text without a scored token."""
        ...


def coherence(perplexity: float, scale: float) -> float:
    """1 / (1 + perplexity / scale): one half at ``scale``, falling with the perplexity. Range: [0, 1)."""
    return 1 / (1 + perplexity / scale)


@dataclass(frozen=True)
class FrozenModel:
    """A causal language model in evaluation mode, in a folder on disk.

    Attributes:
        model, tokenizer: from transformers.
        batch: texts per forward pass; memory grows with it.
        max_tokens: of a text; what lies behind is not scored.
    """

    model: Any
    tokenizer: Any
    batch: int = 64
    max_tokens: int = 512

    @classmethod
    def open(cls, folder: Path, batch: int = 64) -> FrozenModel:
        """Load from a local folder; safetensors only, no remote code."""
        from transformers import AutoModelForCausalLM, AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        model = AutoModelForCausalLM.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, use_safetensors=True
        )
        return cls.of(model, tokenizer, batch)

    @classmethod
    def of(cls, model: Any, tokenizer: Any, batch: int = 64) -> FrozenModel:
        """Freeze a loaded model."""
        return cls(model.eval().requires_grad_(False), tokenizer, batch)

    def perplexities(self, texts: Sequence[str]) -> list[float]:
        """See `PerplexityModel`. Texts of similar length share a batch, so that little is padding."""
        encoded = [self._encode(text) for text in texts]
        order = sorted(range(len(texts)), key=lambda index: len(encoded[index]))
        found = [math.inf] * len(texts)
        for start in range(0, len(order), self.batch):
            indices = order[start : start + self.batch]
            for index, loss in zip(indices, self._losses([encoded[index] for index in indices]), strict=True):
                found[index] = math.exp(loss) if loss < _LARGEST_LOSS else math.inf
        return found

    def _encode(self, text: str) -> list[int]:
        # No tokenizer takes more than a few characters a token: cutting first keeps a hostile text cheap.
        text = text[: self.max_tokens * 16].encode("utf-8", "replace").decode("utf-8")
        tokens: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"][: self.max_tokens - 1]
        start = self.tokenizer.bos_token_id
        return tokens if start is None else [start, *tokens]

    def _losses(self, rows: list[list[int]]) -> list[float]:
        """Mean cross-entropy in nats of each row's tokens behind the first; infinity for a row of one token."""
        import torch

        width = max(2, *map(len, rows)) if rows else 2
        padded = torch.tensor([row + [0] * (width - len(row)) for row in rows], device=self.model.device)
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=self.model.device)
        with torch.no_grad():
            logits = self.model(input_ids=padded, attention_mask=mask).logits[:, :-1].double()
        losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), padded[:, 1:], reduction="none")
        counts = mask[:, 1:].sum(dim=1)
        means = (losses * mask[:, 1:]).sum(dim=1) / counts.clamp(min=1)
        return [mean if count else math.inf for mean, count in zip(means.tolist(), counts.tolist(), strict=True)]
