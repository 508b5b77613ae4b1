"""The templates with gold labels that `sft` and `grpo` learn from, and how texts are drawn and thinned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from rationanomaly.errors import TrainingError
from rationanomaly.params import PromptParams, SftParams
from rationanomaly.text.prompt import show


@dataclass(frozen=True)
class Gold:
    """The training templates with their corrected labels.

    Attributes:
        texts: as a prompt shows them.
        labels: ``normal`` or ``abnormal``.
        groups: near-duplicates share a number.
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    groups: tuple[int, ...]

    @property
    def abnormal(self) -> list[bool]:
        return [label == "abnormal" for label in self.labels]


def learnt_sides(labelled: pl.DataFrame, params: SftParams) -> tuple[str, ...]:
    """The sides of the split that are learnt from: train, and validation if params say so and a test side remains."""
    tested = (labelled["split"] == "test").any()
    return ("train", "validation") if params.learn_validation and tested else ("train",)


def read_gold(labelled: pl.DataFrame, settings: PromptParams, sides: Sequence[str] = ("train",)) -> Gold:
    """The templates of these sides of the split.

    Raises:
        TrainingError: they are empty or hold one class only.
    """
    rows = labelled.filter(pl.col("split").is_in(sides))
    labels = rows["label"].to_list()
    if len(set(labels)) < 2:
        found = f"all {len(labels)} templates are {labels[0]}" if labels else "there are no templates"
        hint = "Label templates of both classes, or change correct.split"
        raise TrainingError(f"there is nothing to tell apart in the training split: {found}", hint=hint)
    texts = [show(template, settings).text for template in rows["template"]]
    return Gold(tuple(texts), tuple(labels), tuple(rows["group"].to_list()))


def draw_group(groups: Sequence[Sequence[object]], rng: np.random.Generator) -> int:
    """The position of a group, drawn by the square root of its size."""
    bounds = np.cumsum(np.sqrt([len(group) for group in groups]))
    return int(np.searchsorted(bounds, rng.random() * bounds[-1], side="right"))


def drop_words(words: Sequence[str], share: float, rng: np.random.Generator) -> str:
    """Leave out each word with the probability ``share``; one always stays."""
    kept = [word for word, keep in zip(words, rng.random(len(words)) >= share, strict=True) if keep]
    return " ".join(kept or words[:1])


def splice(head: Sequence[str], tail: Sequence[str], rng: np.random.Generator) -> str:
    """The beginning of one text with the end of another."""
    end, start = int(rng.integers(1, len(head) + 1)), int(rng.integers(0, len(tail)))
    return " ".join([*head[:end], *tail[start:]])
