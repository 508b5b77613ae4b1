"""The most similar labelled templates, shown in the prompt beside a log: for bases that can read.

A bootstrapped base learns its training texts by heart and ignores them (docs/experiments.md); it is left without. Texts
come as `prompt.show` leaves them, and into a prompt only by `prompt.write_prompt`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from rationanomaly.params import PromptParams
from rationanomaly.records import FEW_SHOT, LabelledText, read_rows, write_rows
from rationanomaly.text.prompt import Shown, show
from rationanomaly.text.similarity import PairSimilarity

#: Templates so similar to the one in training may be that one with words left out, and would tell its label.
_SAME = 0.8


class FewShotExamples:
    """The labelled templates of the training split, of which the most similar are shown.

    Args:
        rows: distinct texts as a prompt shows them.
        count: how many to show; 0 shows none.
    """

    def __init__(self, rows: Sequence[LabelledText] = (), count: int = 0) -> None:
        self._rows, self._count = tuple(rows), count
        self._found: dict[tuple[str, bool], tuple[tuple[str, str], ...]] = {}

    @cached_property
    def _similarity(self) -> PairSimilarity:
        return PairSimilarity([row.text for row in self._rows])

    def beside(self, shown: Shown, in_training: bool = False) -> Shown:
        """The log with its few_shot, the most similar one last.

        Args:
            shown: the log.
            in_training: it was made from a training template: what is most similar to it, and near-duplicates of that,
                are left out, else the answer would stand in the prompt.
        """
        if not self._count or not self._rows:
            return shown
        key = (shown.text, in_training)
        if key not in self._found:
            self._found[key] = self._nearest(*key)
        return replace(shown, few_shot=self._found[key])

    def _nearest(self, text: str, in_training: bool) -> tuple[tuple[str, str], ...]:
        similarity = self._similarity.to(text)
        if in_training:
            own = self._similarity.to(self._rows[int(similarity.argmax())].text) >= _SAME
            similarity = np.where(own, -1.0, similarity)
        order = np.argsort(-similarity, kind="stable")[: self._count]
        return tuple((self._rows[k].text, self._rows[k].label) for k in order[::-1] if similarity[k] >= 0)


def write_few_shot(labelled: pl.DataFrame, settings: PromptParams, folder: Path) -> None:
    """Put the training templates into a model folder, if the prompt shows few_shot."""
    if settings.few_shot_examples:
        training = labelled.filter(pl.col("split") == "train")
        labels = {show(template, settings).text: label for template, label in training["template", "label"].iter_rows()}
        write_rows(folder / FEW_SHOT, [LabelledText(text, label) for text, label in labels.items()])


def read_few_shot(folder: Path, settings: PromptParams) -> FewShotExamples:
    """Those of a model folder, as many as its prompt shows."""
    if not settings.few_shot_examples:
        return FewShotExamples()
    return FewShotExamples(read_rows(folder / FEW_SHOT, LabelledText, typed=True), settings.few_shot_examples)
