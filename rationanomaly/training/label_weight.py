"""More weight for the one token of a completion that carries the verdict.

The loss is a mean over tokens. Of the 60 tokens of a rationale with its verdict one tells the label behind the stem of
the conclusion and one behind ``<answer>``; all others are as right with the other label. Those two count
``label_weight`` times. What the loss is divided by stays the number of tokens, of all ranks and passes together, so
that the other tokens keep their weight and a batch gives the same gradient, however it is cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from rationanomaly.model.label_tokens import first_difference
from rationanomaly.records import LABELS
from rationanomaly.text.prompt import ANSWER, CONCLUSION, END_ANSWER
from rationanomaly.training import trl_compat

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase
    from trl import SFTTrainer

Collate = Callable[[list[dict[str, Any]]], dict[str, Any]]
#: The column of a dataset that holds the weight of each token of ``input_ids``.
WEIGHTS = "loss_weights"
#: What a label stands behind, and what it is followed by.
_STEMS = ((f"{CONCLUSION} ", "."), (ANSWER, END_ANSWER))


def deciding_tokens(tokenizer: PreTrainedTokenizerBase, completions: Sequence[str]) -> list[tuple[int, ...]]:
    """For each completion the places of the tokens that tell its label: behind the stem and behind ``<answer>``.

    A token tells it if it is the first that differs with the other label in that place, so nothing needs to be known of
    how the tokenizer cuts words. Where a stem occurs more than once, its last place counts.
    """
    places: dict[str, tuple[int, ...]] = {}
    distinct = list(dict.fromkeys(completions))
    others = [list(_with_other_label(text)) for text in distinct]
    encoded = _encode(tokenizer, distinct)
    variants = iter(_encode(tokenizer, [text for found in others for text in found]))
    for text, ids, found in zip(distinct, encoded, others, strict=True):
        # None: a tokenizer that writes both labels alike, which `model.scoring.label_tokens` refuses.
        differences = (first_difference(ids, other) for other in islice(variants, len(found)))
        places[text] = tuple(place for place in differences if place is not None)
    return [places[text] for text in completions]


def weights(places: Sequence[int], length: int, weight: float) -> list[float]:
    """1 for each of ``length`` tokens, but ``weight`` at ``places``."""
    found = [1.0] * length
    for place in places:
        found[place] = weight
    return found


def weighted(trainer: type[SFTTrainer]) -> type[SFTTrainer]:
    """A trainer like ``trainer`` for a dataset with the column `WEIGHTS`; it needs ``remove_unused_columns=False``."""

    class Weighted(trainer):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            collate: Collate = vars(self)["data_collator"]
            self.data_collator = _collating(collate)

        def compute_loss(self, model: Any, inputs: dict[str, Any], *arguments: Any, **options: Any) -> Any:
            # The weight of a token belongs to the position before, which predicts it.
            with_weights = trl_compat.weighted_tokens(model, inputs.pop(WEIGHTS)[:, 1:])
            return super().compute_loss(with_weights, inputs, *arguments, **options)

    return Weighted


def _collating(collate: Collate) -> Collate:
    """Collate as before, and pad the weights to the same width; padding has no loss, whatever its weight."""

    def with_weights(examples: list[dict[str, Any]]) -> dict[str, Any]:
        import torch

        batch = collate([{key: value for key, value in row.items() if key != WEIGHTS} for row in examples])
        padded = torch.ones(batch["input_ids"].shape, dtype=torch.float32)
        for row, example in zip(padded, examples, strict=True):
            row[: len(example[WEIGHTS])] = torch.tensor(example[WEIGHTS])
        return {**batch, WEIGHTS: padded}

    return with_weights


def _with_other_label(completion: str) -> Iterator[str]:
    """The completion with the other label behind each stem that it has, one place at a time."""
    normal, abnormal = LABELS
    for stem, end in _STEMS:
        before, found, behind = completion.rpartition(stem)
        label, closed, tail = behind.partition(end)
        if found and closed and label in LABELS:
            yield f"{before}{stem}{normal if label == abnormal else abnormal}{end}{tail}"


def _encode(tokenizer: PreTrainedTokenizerBase, texts: list[str]) -> list[list[int]]:
    found: list[list[int]] = tokenizer(texts, add_special_tokens=False)["input_ids"] if texts else []
    return found
