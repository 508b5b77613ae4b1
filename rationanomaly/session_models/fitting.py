"""From a trained model and the tables of `parse` and `correct` to the session model that its folder carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from rationanomaly.records import SESSIONS, SESSIONS_SCHEMA, TEMPLATES, TEMPLATES_SCHEMA, read_table
from rationanomaly.session_models.batch import Floats
from rationanomaly.session_models.choice import CANDIDATES, choose
from rationanomaly.session_models.chosen import ChosenSessionModel
from rationanomaly.session_models.tables import events_of, labelled_sessions, teaching_sessions
from rationanomaly.thresholds import ThresholdRule


@dataclass(frozen=True)
class Lessons:
    """What there is to learn from: whole sessions of the sides that teach and choose.

    Attributes:
        sessions: from `teaching_sessions`, those of the two sides.
        templates: ``template_id`` and ``template`` of all that they hold.
        known: by id, 1 for a template that is learnt as abnormal, 0 for one that is learnt as normal. A detector knows
            these labels, too, and a model need not be as sure of what it has learnt.
    """

    sessions: pl.DataFrame
    templates: pl.DataFrame
    known: Mapping[str, float]

    @classmethod
    def read(cls, parsed: Path, labelled: pl.DataFrame) -> Lessons:
        """Read the output of `parse`; nothing of the test side is kept.

        Args:
            parsed: its output folder.
            labelled: `records.LABELLED_SCHEMA`.
        """
        sessions = read_table(parsed / SESSIONS, SESSIONS_SCHEMA)
        teaching = teaching_sessions(sessions, labelled).filter(pl.col("side").is_in(["train", "validation"]))
        held = teaching.select(pl.col("template_ids").explode().unique().drop_nulls().alias("template_id"))
        templates = read_table(parsed / TEMPLATES, TEMPLATES_SCHEMA).select("template_id", "template")
        distinct = templates.unique("template_id", keep="first", maintain_order=True)
        learnt = labelled.filter(pl.col("split") == "train").select("template_id", pl.col("label") == "abnormal")
        known = {key: float(abnormal) for key, abnormal in learnt.iter_rows()}
        return cls(teaching, distinct.join(held, on="template_id", how="semi", maintain_order="left"), known)

    @property
    def texts(self) -> list[str]:
        """The templates that have to be scored."""
        return self.templates["template"].to_list()

    def fit(self, scores: Sequence[float] | Floats, rule: ThresholdRule, seed: int) -> ChosenSessionModel | None:
        """Fit the candidates and choose; None where there is nothing to tell apart (`choice.choose`).

        Args:
            scores: P(abnormal) of each of ``texts``.
            rule: of the threshold.
            seed: of everything random.
        """
        by_id = dict(zip(self.templates["template_id"].to_list(), map(float, scores), strict=True)) | dict(self.known)
        known = self.sessions.filter(pl.col("side") == "train")["template_ids"].explode().unique().drop_nulls()
        events = events_of(self.templates, known.to_list(), by_id)
        train, validation = (labelled_sessions(self.sessions, side, events) for side in ("train", "validation"))
        chosen = choose(CANDIDATES, train, validation, events, seed, rule) if train.teaches else None
        return None if chosen is None else replace(chosen, known=self.known)
