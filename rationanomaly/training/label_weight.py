"""What the few tokens of a completion that carry its verdict have to learn, and their weight.

The loss is a mean over tokens. Of the 60 tokens of a rationale with its verdict one tells the label behind the stem of
the conclusion and one behind ``<answer>``; and how the second sentence of the analysis begins tells whether it goes
along with the words that were quoted or turns against them. All others are as right with the other label. These count
``label_weight`` times. What the loss is divided by stays the number of tokens, of all ranks and passes together, so
that the other tokens keep their weight and a batch gives the same gradient, however it is cut.

Who labelled a text may have doubts: then the first of these tokens learns both labels, the other one with the
probability d that it is right. Its loss is the cross entropy -(1 - d) log P(label) - d log P(other), which is
-log P(label) - d (z_other - z_label) with the logits z.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from rationanomaly.model.label_tokens import first_difference
from rationanomaly.records import LABELS
from rationanomaly.text.checks import sentence_ends
from rationanomaly.text.prompt import ANSWER, CONCLUSION, END_ANSWER, THINK
from rationanomaly.training import trl_compat

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase
    from trl import SFTTrainer

Collate = Callable[[list[dict[str, Any]]], dict[str, Any]]
#: The column of a dataset that holds the weight of each token of ``input_ids``.
WEIGHTS = "loss_weights"
#: For each row: place and id of the token that would tell the other label in the place of the first that tells it.
OTHER = "other_label"
#: For each row: how probable the other label is.
DOUBT = "label_doubt"
#: What a label stands behind, and what it is followed by.
_STEMS = ((f"{CONCLUSION} ", "."), (ANSWER, END_ANSWER))
#: So many tokens of the second sentence tell which way it goes: several ways begin with "It" or "The".
_TURN = 2
#: Begins none of these sentences.
_OTHER_WORD = "However"


class Deciding(NamedTuple):
    """A token of a completion that tells its label: its place, and the token that tells the other label there."""

    place: int
    other: int


def turning_tokens(tokenizer: PreTrainedTokenizerBase, completions: Sequence[str]) -> list[tuple[int, ...]]:
    """For each completion the places of the first tokens of its analysis's second sentence, if there is one."""
    ends = {text: end for text in dict.fromkeys(completions) if (end := _first_sentence(text)) is not None}
    # As it is, and with another word there: where the tokens part, the sentence begins.
    others = [f"{text[:end]} {_OTHER_WORD}{text[end:]}" for text, end in ends.items()]
    places: dict[str, tuple[int, ...]] = {}
    for text, ids, other in zip(ends, _encode(tokenizer, [*ends]), _encode(tokenizer, others), strict=True):
        place = first_difference(ids, other)
        places[text] = () if place is None else tuple(range(len(ids))[place : place + _TURN])
    return [places.get(text, ()) for text in completions]


def _first_sentence(completion: str) -> int | None:
    """Where the first sentence of an analysis ends, outside quotes; None where no second one follows it."""
    if not completion.startswith(THINK):
        return None
    end = next(iter(sentence_ends(completion)), len(completion))
    return end if completion[end:].startswith(" ") and not completion.startswith(f" {CONCLUSION}", end) else None


def deciding_tokens(tokenizer: PreTrainedTokenizerBase, completions: Sequence[str]) -> list[tuple[Deciding, ...]]:
    """For each completion the tokens that tell its label: behind the stem and behind ``<answer>``.

    A token tells it if it is the first that differs with the other label in that place, so nothing needs to be known of
    how the tokenizer cuts words. Where a stem occurs more than once, its last place counts.
    """
    deciding: dict[str, tuple[Deciding, ...]] = {}
    distinct = list(dict.fromkeys(completions))
    others = [list(_with_other_label(text)) for text in distinct]
    encoded = _encode(tokenizer, distinct)
    variants = iter(_encode(tokenizer, [text for found in others for text in found]))
    for text, ids, found in zip(distinct, encoded, others, strict=True):
        # None: a tokenizer that writes both labels alike, which `model.scoring.label_tokens` refuses.
        differences = [(first_difference(ids, other), other) for other in islice(variants, len(found))]
        deciding[text] = tuple(Deciding(place, other[place]) for place, other in differences if place is not None)
    return [deciding[text] for text in completions]


def weights(places: Sequence[int], length: int, weight: float) -> list[float]:
    """1 for each of ``length`` tokens, but ``weight`` at ``places``."""
    found = [1.0] * length
    for place in places:
        found[place] = weight
    return found


def weighted(trainer: type[SFTTrainer]) -> type[SFTTrainer]:
    """A trainer like ``trainer`` for a dataset with the columns `WEIGHTS`, `OTHER` and `DOUBT`.

    It needs ``remove_unused_columns=False``.
    """

    class Weighted(trainer):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            collate: Collate = vars(self)["data_collator"]
            self.data_collator = _collating(collate)

        def compute_loss(self, model: Any, inputs: dict[str, Any], *arguments: Any, **options: Any) -> Any:
            labels = inputs["labels"]
            doubts = _Doubts(self.accelerator.unwrap_model(model), labels, inputs.pop(OTHER), inputs.pop(DOUBT))
            # The weight of a token belongs to the position before, which predicts it.
            loss_weights = inputs.pop(WEIGHTS)[:, 1:]
            with doubts:
                changed = trl_compat.changed_tokens(model, lambda found: (found + doubts.values()) * loss_weights)
                return super().compute_loss(changed, inputs, *arguments, **options)

    return Weighted


class _Doubts:
    """What the doubts of a batch add to the log-probabilities of its tokens.

    Args:
        model: whose states are looked at while the block lasts.
        labels: the tokens, -100 where they have no loss, shape (rows, tokens).
        other: column `OTHER`, shape (rows, 2).
        doubt: column `DOUBT`, shape (rows,).
    """

    def __init__(self, model: Any, labels: Tensor, other: Tensor, doubt: Tensor) -> None:
        base = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._backbone, self._head = base.base_model, base.get_output_embeddings()
        self._labels, self._other, self._doubt = labels, other, doubt
        self._states: Tensor | None = None
        self._hook: Any = None

    def __enter__(self) -> None:
        def keep(_module: Any, _arguments: Any, output: Any) -> None:
            self._states = output.last_hidden_state

        self._hook = self._backbone.register_forward_hook(keep)

    def __exit__(self, *exception: Any) -> None:
        self._hook.remove()

    def values(self) -> Tensor:
        """Shape (rows, tokens - 1), behind a forward pass of the model."""
        import torch

        assert self._states is not None  # noqa: S101 - for the type checker
        # Of every row, though it be certain: a head in shares is a collective, which all ranks have to ask for alike.
        rows = torch.arange(len(self._doubt), device=self._states.device)
        places = self._other[:, 0].clamp_min(1)
        logits = self._head(self._states[rows, places - 1]).float()
        sides = torch.stack([self._labels[rows, places].clamp_min(0), self._other[:, 1]], dim=1)
        label, other = logits.gather(1, sides).unbind(1)
        added = torch.zeros(self._labels.shape[0], self._labels.shape[1] - 1, device=self._states.device)
        return added.index_put((rows, places - 1), self._doubt * (other - label))


def _collating(collate: Collate) -> Collate:
    """Collate as before, and pad the weights to the same width; padding has no loss, whatever its weight."""
    own = (WEIGHTS, OTHER, DOUBT)

    def with_weights(examples: list[dict[str, Any]]) -> dict[str, Any]:
        import torch

        batch = collate([{key: value for key, value in row.items() if key not in own} for row in examples])
        padded = torch.ones(batch["input_ids"].shape, dtype=torch.float32)
        for row, example in zip(padded, examples, strict=True):
            row[: len(example[WEIGHTS])] = torch.tensor(example[WEIGHTS])
        other = torch.tensor([example[OTHER] for example in examples])
        doubt = torch.tensor([example[DOUBT] for example in examples], dtype=torch.float32)
        return {**batch, WEIGHTS: padded, OTHER: other, DOUBT: doubt}

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
