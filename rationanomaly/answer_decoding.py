"""A verdict in time: a rationale that would run past the limit is ended, and the verdict is asked for.

Cut off at the limit, a text that goes round in circles has no verdict and counts as invalid. Here the last tokens are
kept for the ending: where the analysis is still open then, its end is set, and of the next token only the two labels
remain (budget forcing, Muennighoff et al. 2025, with the answer instead of more thought).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rationanomaly.prompt import ANSWER, END_ANSWER, END_THINK
from rationanomaly.records import LABELS

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase


class AnswerInTime:
    """A logits processor for one batch; see the module. Does nothing if the tokenizer splits a label.

    Args:
        tokenizer: of the model.
        width: number of prompt tokens in each row, padding included.
        limit: number of tokens that a completion may have.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, width: int, limit: int) -> None:
        def encode(text: str) -> list[int]:
            ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
            return ids

        head, tail = encode(END_THINK + ANSWER), [*encode(END_ANSWER), tokenizer.eos_token_id]
        responses = [encode(f"{END_THINK}{ANSWER}{label}{END_ANSWER}") for label in LABELS]
        labels = [ids[len(head) : len(ids) - len(tail) + 1] for ids in responses]
        self._width, self._end_think = width, encode(END_THINK)
        self._ending: list[list[int]] = []
        if all(len(label) == 1 for label in labels) and len(head) + len(tail) + 1 < limit:
            self._ending = [*([token] for token in head), [label[0] for label in labels], *([token] for token in tail)]
        self._start = width + limit - len(self._ending)
        self._forced: list[int] = []

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Rule out what may not come next; ``input_ids`` (rows, tokens), ``scores`` (rows, vocabulary)."""
        at = input_ids.shape[1] - self._start
        if not self._ending or at < 0:
            return scores
        if at == 0:
            written = input_ids[:, self._width :].tolist()
            self._forced = [row for row, tokens in enumerate(written) if not _holds(tokens, self._end_think)]
        for row in self._forced:
            kept = scores[row, self._ending[at]].clone()
            scores[row] = -float("inf")
            # What another constraint ruled out must still come.
            scores[row, self._ending[at]] = kept.nan_to_num(neginf=0.0)
        return scores


def _holds(tokens: list[int], part: list[int]) -> bool:
    return any(tokens[start : start + len(part)] == part for start in range(len(tokens) - len(part) + 1))
