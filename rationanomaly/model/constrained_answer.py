"""A verdict in form and in time: tags come once and in order, and a rationale that would run past the limit is ended.

A small model that meets a log unlike all that it has read opens a second analysis inside the first, or stops halfway.
`TagsInOrder` lets no tag come but the next one of the grammar, as decoders that write JSON do, and no answer but the
two labels. The analysis is the model's own, and which of the labels.

Cut off at the limit, a text that goes round in circles has no verdict and counts as invalid. Here the last tokens are
kept for the ending: where the analysis is still open then, its end is set, and of the next token only the two labels
remain (budget forcing, Muennighoff et al. 2025, with the answer instead of more thought).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rationanomaly.records import LABELS
from rationanomaly.text.prompt import ANSWER, END_ANSWER, END_THINK, TAGS

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase


class TagsInOrder:
    """A logits processor for one batch; see the module. Does nothing if the tokenizer splits a tag or a label.

    Args:
        tokenizer: of the model.
        width: number of prompt tokens in each row, padding included.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, width: int) -> None:
        ids = tokenizer([*TAGS, *LABELS], add_special_tokens=False)["input_ids"]
        single = [token for token, *others in ids if not others]
        self._works = len(single) == len(ids)
        self._tags, self._labels = single[: len(TAGS)], single[len(TAGS) :]
        self._width, self._end = width, int(tokenizer.eos_token_id)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Rule out what may not come next; ``input_ids`` (rows, tokens), ``scores`` (rows, vocabulary)."""
        if not self._works:
            return scores
        for row, tokens in enumerate(input_ids[:, self._width :].tolist()):
            allowed = self._allowed(tokens)
            if allowed:
                kept = scores[row, allowed].clone()
                scores[row] = -float("inf")
                # What another constraint ruled out must still come.
                scores[row, allowed] = kept.nan_to_num(neginf=0.0)
            else:
                closing = [self._tags[1]] if tokens[-1] != self._tags[0] else []
                scores[row, [token for token in (*self._tags, self._end) if token not in closing]] = -float("inf")
        return scores

    def _allowed(self, tokens: Sequence[int]) -> Sequence[int]:
        """The tokens of which one must come; empty inside the analysis, which is free but for tags."""
        think, _, answer, end_answer = self._tags
        match sum(token in self._tags for token in tokens):
            case 0:
                return [think]
            case 1:
                return []
            case 2:
                return [answer]
            case 3:
                return self._labels if tokens[-1] == answer else [end_answer]
        return [self._end]


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
