"""Money and tokens: reserve the worst case before a call, settle afterwards, never exceed the limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rationanomaly.params import BudgetParams

#: Tokens that a chat template may add to a message, and once to the whole conversation.
_PER_MESSAGE, _PER_CALL = 16, 128


@dataclass(frozen=True)
class Tokens:
    """Tokens of one call or of many."""

    prompt: int = 0
    completion: int = 0

    @property
    def total(self) -> int:
        """Prompt and completion together."""
        return self.prompt + self.completion

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(self.prompt + other.prompt, self.completion + other.completion)

    def __sub__(self, other: Tokens) -> Tokens:
        return Tokens(self.prompt - other.prompt, self.completion - other.completion)


def worst_case(messages: Sequence[dict[str, str]], output_tokens: int) -> Tokens:
    """An upper bound of what a call can take: no tokenizer makes more tokens than the text has UTF-8 bytes."""
    bound = sum(len(message["content"].encode()) + _PER_MESSAGE for message in messages)
    return Tokens(bound + _PER_CALL, output_tokens)


def likely_case(messages: Sequence[dict[str, str]], output_tokens: int) -> Tokens:
    """A guess of what a call takes: four bytes a token, and an answer half as long as is allowed."""
    return Tokens(sum(len(message["content"].encode()) for message in messages) // 4, output_tokens // 2)


class Budget:
    """The limits and the prices; sums are of whole tokens, so they are exact."""

    def __init__(self, params: BudgetParams) -> None:
        self._params = params

    def price(self, tokens: Tokens) -> float:
        """What ``tokens`` cost, in the currency of the params."""
        return (tokens.prompt * self._params.prompt_price + tokens.completion * self._params.completion_price) / 1e6

    def allows(self, taken: Tokens, more: Tokens) -> bool:
        """Whether ``more`` may be set aside when ``taken`` is spent or set aside already."""
        after = taken + more
        return after.total <= self._params.max_tokens and self.price(after) <= self._params.max_cost
