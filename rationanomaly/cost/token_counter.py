"""How many tokens a model reads and writes while it is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Tokens:
    """Read: of prompts and of texts that are scored, each time they are; written: generated. Padding is neither."""

    read: int
    written: int

    def __sub__(self, other: Tokens) -> Tokens:
        return Tokens(self.read - other.read, self.written - other.written)


class TokenCounter:
    """Counts inside its block, by the attention masks that the model is given; the model answers as ever.

    Attributes:
        tokens: since the block began.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self._model, self._generating = model, False
        self._hook: Any = None
        self.tokens = Tokens(0, 0)

    def __enter__(self) -> TokenCounter:
        self._hook = self._model.register_forward_pre_hook(self._on_forward, with_kwargs=True)
        # On the instance alone: the class's method comes back when this is deleted.
        self._model.generate = self._counting(self._model.generate)
        return self

    def __exit__(self, *exception: Any) -> None:
        self._hook.remove()
        del self._model.generate

    def _on_forward(self, _model: Any, _inputs: Any, options: dict[str, Any]) -> None:
        if not self._generating:
            self._add(int(options["attention_mask"].sum()), 0)

    def _counting(self, generate: Callable[..., Tensor]) -> Callable[..., Tensor]:
        @wraps(generate)
        def counted(*, input_ids: Tensor, attention_mask: Tensor, pad_token_id: int, **options: Any) -> Tensor:
            self._generating = True
            try:
                made = generate(
                    input_ids=input_ids, attention_mask=attention_mask, pad_token_id=pad_token_id, **options
                )
            finally:
                self._generating = False
            # A row that has come to its end is padded while others are written.
            written = int((made[:, input_ids.shape[1] :] != pad_token_id).sum())
            self._add(int(attention_mask.sum()), written)
            return made

        return counted

    def _add(self, read: int, written: int) -> None:
        self.tokens = Tokens(self.tokens.read + read, self.tokens.written + written)
