"""Rows of the pretraining: a prompt, its completion, and how much each token of the completion counts in the loss."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rationanomaly.errors import TrainingError
from rationanomaly.model.chat_template import render
from rationanomaly.model.label_tokens import first_difference
from rationanomaly.params import PromptParams
from rationanomaly.pretrain.corpus import Message
from rationanomaly.records import Label
from rationanomaly.rulebook.rationale import write_rationale
from rationanomaly.text.prompt import (
    ANSWER,
    CONCLUSION,
    THINK,
    Mode,
    show,
    split_conclusion,
    write_response,
    write_verdict,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

#: What a chat prompt must begin with: a system message of the template's own would cost a dozen tokens a row.
_SILENT_SYSTEM = "<|im_start|>system\n<|im_end|>\n<|im_start|>user\nlog: "


class Rowlike(Protocol):
    """What batches are made of."""

    @property
    def tokens(self) -> int:
        """Tokens of the whole row."""


@dataclass(frozen=True)
class Row:
    """One example, in tokens.

    Attributes:
        message: the log with its label.
        mode: what is asked.
        prompt: tokens that the completion follows.
        completion: with the end-of-text token.
        verdict: place in the completion of the one token that tells the label: behind the stem of the conclusion, or in
            the direct verdict.
    """

    message: Message
    mode: Mode
    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    verdict: int

    @property
    def tokens(self) -> int:
        return len(self.prompt) + len(self.completion)


@dataclass(frozen=True)
class LabelTokens:
    """The tokens that tell the labels at one of the two places.

    Attributes:
        normal: token of normal.
        abnormal: token of abnormal.
        shared: number of tokens between the text before and these, the same for both labels.
    """

    normal: int
    abnormal: int
    shared: int


class Encoder:
    """Makes rows for one tokenizer.

    Args:
        tokenizer: of the base.
        settings: of the prompt.
        seed: of the choice among wordings.

    Raises:
        TrainingError: its chat template would put text of its own before the log.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, settings: PromptParams, seed: int) -> None:
        self._tokenizer, self._settings, self._seed = tokenizer, settings, seed
        self.labels = {
            Mode.DIRECT: self._label_tokens(ANSWER, ""),
            Mode.REASON: self._label_tokens(f"x {CONCLUSION}", " "),
        }
        opening = render(tokenizer, show("disk", settings), Mode.DIRECT, settings)
        if (
            tokenizer.chat_template is not None
            and settings.style == "compact"
            and not opening.startswith(_SILENT_SYSTEM)
        ):
            raise TrainingError(
                f"a prompt begins with {opening[:80]!r} and not with {_SILENT_SYSTEM!r}",
                hint="Pretrain SmolLM2-135M-Instruct with prompt.style: compact",
            )

    def shortest(self) -> int:
        """Tokens of a row that none is shorter than: the direct verdict on a log of one word."""
        return self.row(Message("disk", "disk", "normal", "catalogue", ""), Mode.DIRECT).tokens

    def row(self, message: Message, mode: Mode) -> Row:
        """The row of a message; the same message and mode always give the same one."""
        shown = show(message.log, self._settings)
        prompt = tuple(self._tokenizer(render(self._tokenizer, shown, mode, self._settings))["input_ids"])
        if mode is Mode.DIRECT:
            before, completion = ANSWER, write_verdict(message.label)
        else:
            rng = random.Random(f"{self._seed}|{message.text}")  # noqa: S311 - draws no secret
            rationale = write_rationale(shown, message.label, rng)
            before = f"{THINK}{split_conclusion(rationale)[0]} {CONCLUSION}"
            completion = write_response(rationale, message.label)
        ids = (*self._ids(completion), self._tokenizer.eos_token_id)
        return Row(message, mode, prompt, ids, self._verdict(ids, before, message.label, mode))

    def _verdict(self, ids: Sequence[int], before: str, label: Label, mode: Mode) -> int:
        """The place of the label's token in a completion that has ``before`` in front of it."""
        tokens = self.labels[mode]
        place = len(self._ids(before)) + tokens.shared
        if place >= len(ids) or ids[place] != getattr(tokens, label):
            raise TrainingError(f"the tokenizer writes the label otherwise behind {before[-40:]!r}")
        return place

    def _label_tokens(self, before: str, gap: str) -> LabelTokens:
        """The first tokens in which the labels differ behind ``before`` and ``gap``."""
        first = len(self._ids(before))
        normal, abnormal = (self._ids(f"{before}{gap}{label}")[first:] for label in ("normal", "abnormal"))
        shared = first_difference(normal, abnormal)
        if shared is None:
            problem = "the tokenizer writes one label as the beginning of the other"
            raise TrainingError(problem, hint="Pretrain another base")
        return LabelTokens(normal[shared], abnormal[shared], shared)

    def _ids(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])


def lessons(
    messages: Sequence[Message], encoder: Encoder, reasoned: float, max_tokens: int, seed: int
) -> Iterator[Row]:
    """Rows up to a number of tokens: each message once in one mode, then in the other one.

    Args:
        messages: in the order in which they are used.
        encoder: makes the rows.
        reasoned: share of rows that ask for an analysis.
        max_tokens: of all rows together, padding not counted.
        seed: of the modes.
    """
    rng = random.Random(f"{seed}|modes")  # noqa: S311 - draws no secret
    first = [Mode.REASON if rng.random() < reasoned else Mode.DIRECT for _ in messages]
    second = [Mode.DIRECT if mode is Mode.REASON else Mode.REASON for mode in first]
    tokens = 0
    for modes in (first, second):
        for message, mode in zip(messages, modes, strict=True):
            row = encoder.row(message, mode)
            tokens += row.tokens
            if tokens > max_tokens:
                return
            yield row


def batches(rows: Sequence[Row], size: int, seed: int, window: int = 24) -> list[list[Row]]:
    """Rows in batches of similar length: shuffled, sorted within a window of so many batches, shuffled again."""
    rng = random.Random(f"{seed}|batches")  # noqa: S311 - draws no secret
    shuffled = list(rows)
    rng.shuffle(shuffled)
    found = []
    for start in range(0, len(shuffled), size * window):
        near = sorted(shuffled[start : start + size * window], key=lambda row: row.tokens)
        cut = [near[first : first + size] for first in range(0, len(near), size)]
        rng.shuffle(cut)
        found += cut
    return found
