"""Template mining: mask messages, cluster the distinct ones with Drain, keep the state as readable JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

from rationanomaly import artifacts
from rationanomaly.errors import ArtifactError
from rationanomaly.params import ParseParams
from rationanomaly.parse.drain import WILDCARD, Drain
from rationanomaly.parse.masking import Masker, single_spaced
from rationanomaly.records import template_id

STATE_VERSION = 1
#: Distinct masks that are remembered to save time; what lies beyond is worked out anew and comes out the same.
_REMEMBERED = 200_000


class Miner:
    """Learns templates and tells which one a message belongs to.

    The template of a message is a pure function of its mask and the learnt state, and learning a mask again changes
    nothing. So templates depend on the distinct masks in the order of their first line alone, not on batches.
    """

    def __init__(self, masker: Masker, drain: Drain) -> None:
        self._masker, self._drain = masker, drain
        self._learnt: set[str] = set()
        self._texts: dict[str, str | None] = {}

    @classmethod
    def new(cls, settings: ParseParams) -> Miner:
        """A miner that has learnt nothing."""
        drain = Drain(settings.depth, settings.similarity, settings.max_children, settings.max_choices)
        return cls(Masker(settings.masks, settings.max_words), drain)

    @classmethod
    def load(cls, path: Path) -> Miner:
        """The miner that `save` wrote; its masks and settings are those that it was made with.

        Raises:
            ArtifactError: no such file, or no miner state.
        """
        try:
            state = json.loads(path.read_bytes())
            if state["version"] != STATE_VERSION:
                raise ValueError
            return cls(Masker(state["masks"], state["max_words"]), Drain.from_state(state["drain"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            again = "Run `rationanomaly parse` again"
            raise ArtifactError("is not the state of a miner", file=path, mend=again) from error

    def save(self, path: Path) -> None:
        """Write the state as JSON."""
        state: dict[str, Any] = {
            "version": STATE_VERSION,
            "masks": self._masker.own,
            "max_words": self._masker.max_words,
            "drain": self._drain.state(),
        }
        artifacts.write_json(path, state)

    def mask(self, messages: pl.Expr) -> pl.Expr:
        """The masks of messages: what the other methods take."""
        return self._masker.mask(messages)

    def learn(self, masks: pl.Series) -> None:
        """Learn masks in their order."""
        for mask in masks.unique(maintain_order=True):
            if mask not in self._learnt:
                self._drain.learn(mask)
                if len(self._learnt) < _REMEMBERED:
                    self._learnt.add(mask)
        self._texts.clear()

    def texts(self, masks: pl.Series) -> pl.Series:
        """The text of each mask's template by what is learnt by now; null for a mask that no template covers."""
        distinct = masks.unique(maintain_order=True)
        found = pl.Series("template", [self._text(mask) for mask in distinct], pl.String)
        return masks.replace_strict(distinct, found, return_dtype=pl.String)

    def name(self, records: pl.DataFrame) -> pl.DataFrame:
        """Add ``template``, ``template_id`` and ``parameters`` to records with ``message`` and ``mask``.

        The parameters are the words of the message at which the template has a wildcard.
        """
        masks = records["mask"].unique(maintain_order=True)
        texts = [self._text(mask) for mask in masks]
        named = pl.DataFrame(
            {
                "mask": masks,
                "template": texts,
                "template_id": [None if text is None else template_id(text) for text in texts],
                "wildcards": [_wildcards(text or "") for text in texts],
            },
            schema={
                "mask": pl.String,
                "template": pl.String,
                "template_id": pl.String,
                "wildcards": pl.List(pl.UInt32),
            },
        )
        words = single_spaced(pl.col("message")).str.split(" ")
        # A mask of the user's may swallow a space; then the words do not align and the last ones are missing.
        parameters = words.list.gather(pl.col("wildcards"), null_on_oob=True)
        joined = records.join(named, on="mask", how="left", maintain_order="left")
        return joined.with_columns(parameters.alias("parameters")).drop("wildcards")

    def superseded(self) -> dict[str, list[str]]:
        """Id of a template → ids that it had before it was generalised, oldest first."""
        return {
            template_id(text): [template_id(old) for old in olds] for text, olds in self._drain.superseded().items()
        }

    def _text(self, mask: str) -> str | None:
        if mask not in self._texts:
            if len(self._texts) >= _REMEMBERED:
                self._texts.clear()
            self._texts[mask] = self._drain.name(mask)
        return self._texts[mask]


def _wildcards(template: str) -> list[int]:
    """The places, from 0, of the words that hold a wildcard."""
    return [place for place, word in enumerate(template.split(" ")) if WILDCARD in word]
