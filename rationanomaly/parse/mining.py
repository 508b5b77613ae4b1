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
from rationanomaly.parse.lines import Counts
from rationanomaly.parse.masking import Masker, single_spaced
from rationanomaly.parse.reading import read_records
from rationanomaly.records import template_id

STATE_VERSION = 1


class Miner:
    """Learns templates and tells which one a message belongs to.

    The template of a message is a pure function of the message and the learnt state: the most specific template
    that covers its mask. Learning the same masks again changes nothing.
    """

    def __init__(self, masker: Masker, drain: Drain) -> None:
        self._masker, self._drain = masker, drain
        self._known: dict[str, int] = {}

    @classmethod
    def new(cls, settings: ParseParams) -> Miner:
        """A miner that has learnt nothing."""
        return cls(Masker(settings.masks), Drain(settings.depth, settings.similarity, settings.max_children))

    @classmethod
    def load(cls, path: Path) -> Miner:
        """The miner that `save` wrote.

        Raises:
            ArtifactError: no such file, or no miner state.
        """
        try:
            state = json.loads(path.read_bytes())
            if state["version"] != STATE_VERSION:
                raise ValueError
            return cls(Masker(state["masks"]), Drain.from_state(state["drain"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ArtifactError(
                "is not the state of a miner", file=path, mend="Run `rationanomaly parse` again"
            ) from error

    def save(self, path: Path) -> None:
        """Write the state as JSON."""
        state: dict[str, Any] = {"version": STATE_VERSION, "masks": self._masker.own, "drain": self._drain.state()}
        artifacts.write_json(path, state)

    def mask(self, messages: pl.Expr) -> pl.Expr:
        """The masks of messages: what `learn` and `clusters` take."""
        return self._masker.mask(messages)

    def learn(self, masks: pl.Series) -> None:
        """Learn distinct masks in their order."""
        for mask in masks:
            self._drain.learn(mask)

    def clusters(self, masks: pl.Series) -> pl.Series:
        """The cluster number of each mask; null where no template covers it."""
        return pl.Series("cluster", [self._drain.match(mask) for mask in masks], pl.UInt32)

    def name(self, records: pl.DataFrame, templates: pl.DataFrame) -> pl.DataFrame:
        """Add ``template_id`` and ``parameters`` to records that have a ``mask``.

        Args:
            records: ``message`` and ``mask``, and what else there is.
            templates: what `templates` gives, after everything is learnt.
        """
        masks = records.select(pl.col("mask").unique(maintain_order=True))
        named = masks.with_columns(self.clusters(masks["mask"])).join(templates, on="cluster", how="left")
        joined = records.join(
            named.select("mask", "template_id", "wildcards"), on="mask", how="left", maintain_order="left"
        )
        words = single_spaced(pl.col("message")).str.split(" ")
        # A mask of the user's may swallow a space; then words and wildcards do not align.
        parameters = words.list.gather(pl.col("wildcards"), null_on_oob=True)
        return joined.with_columns(parameters.alias("parameters")).drop("wildcards", "mask")

    def templates(self) -> pl.DataFrame:
        """All templates by cluster: ``cluster``, ``template_id``, ``template``, ``supersedes``, ``wildcards``.

        ``wildcards`` are the places, from 0, of the words that hold a wildcard.
        """
        drain = self._drain
        texts = [drain.text(number) for number in range(len(drain.templates))]
        return pl.DataFrame(
            {
                "cluster": range(len(texts)),
                "template_id": [template_id(text) for text in texts],
                "template": texts,
                "wildcards": [
                    [place for place, word in enumerate(words) if WILDCARD in word] for words in drain.templates
                ],
                "supersedes": [[template_id(text) for text in past] for past in drain.history],
            },
            schema={
                "cluster": pl.UInt32,
                "template_id": pl.String,
                "template": pl.String,
                "wildcards": pl.List(pl.UInt32),
                "supersedes": pl.List(pl.String),
            },
        )


def mine(path: Path, format_name: str, settings: ParseParams) -> pl.DataFrame:
    """Mine a log: one row per record with ``line``, ``template_id`` and ``template``.

    Args:
        path: the log.
        format_name: one of `rationanomaly.parse.formats.formats`.
        settings: the params section ``parse``.
    """
    miner = Miner.new(settings)
    batches = []
    for records in read_records(path, format_name, settings, Counts()):
        masked = records.select("line", miner.mask(pl.col("message")).alias("mask"))
        miner.learn(masked["mask"].unique(maintain_order=True))
        batches.append(masked)
    lines = pl.concat(batches)
    masks = lines.select(pl.col("mask").unique(maintain_order=True))
    named = masks.with_columns(miner.clusters(masks["mask"])).join(miner.templates(), on="cluster", how="left")
    return lines.join(named, on="mask", how="left", maintain_order="left").select("line", "template_id", "template")
