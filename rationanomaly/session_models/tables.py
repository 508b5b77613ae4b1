"""From the tables of `parse` and `correct` to sessions as event codes, side by side.

A detector meets templates that it never saw, and sessions that were drawn at random hold none. So models are compared,
and thresholds chosen, on sessions with templates that are new as well: those of the validation side that few sessions
hold. Nothing is fitted to a session that has one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from rationanomaly.session_models.batch import Events, SessionBatch
from rationanomaly.session_models.model import Flags
from rationanomaly.session_models.sides import session_sides

_TEACHING = ("session", "first_line", "last_line", "template_ids", "side")


#: A template of the validation side in a larger share of the sessions is known, or there would be nothing to fit to.
RARE = 0.02


@dataclass(frozen=True)
class LabelledSessions:
    """Sessions of one side whose truth is known.

    Attributes:
        batch: n sessions.
        abnormal: their truth, shape (n,).
    """

    batch: SessionBatch
    abnormal: Flags

    @property
    def teaches(self) -> bool:
        """Whether there is anything to tell apart: sessions of both kinds."""
        return bool(self.abnormal.any() and not self.abnormal.all())


def teaching_sessions(sessions: pl.DataFrame, labelled: pl.DataFrame) -> pl.DataFrame:
    """The sessions with their sides and, of those that teach or choose, what an operator knows before the test.

    A session that came with a split has its own label. Else it is abnormal if one of its templates is by its corrected
    label: alert tags may be wrong, and nobody has corrected them.

    Args:
        sessions, labelled: as for `session_sides`.

    Returns:
        in the order of ``sessions``: ``session``, ``first_line``, ``last_line``, ``template_ids``, ``side``, and
        ``abnormal``, null where unknown.
    """
    table = _with_new(sessions.with_columns(side=session_sides(sessions, labelled)), labelled)
    if sessions["split"].is_not_null().any():
        return table.select(*_TEACHING, abnormal="alert")
    labels = labelled.unique("template_id", keep="first").select("template_id", bad=pl.col("label") == "abnormal")
    found = (
        table.select("session", template_id=pl.col("template_ids").list.unique())
        .explode("template_id")
        .join(labels, on="template_id", how="inner")
        .group_by("session")
        .agg(abnormal=pl.col("bad").any())
    )
    joined = table.join(found, on="session", how="left", maintain_order="left")
    return joined.select(*_TEACHING, "abnormal")


def _with_new(sessions: pl.DataFrame, labelled: pl.DataFrame) -> pl.DataFrame:
    """A session of the training side with a template that is new chooses."""
    unlearnt = labelled.filter(pl.col("split") == "validation")["template_id"].to_list()
    train = sessions.filter(pl.col("side") == "train")
    held = train.select(template_id=pl.col("template_ids").list.unique()).explode("template_id")
    counted = held.filter(pl.col("template_id").is_in(unlearnt)).group_by("template_id").len()
    new = counted.filter(pl.col("len") <= RARE * train.height)["template_id"].to_list()
    has_new = (pl.col("side") == "train") & pl.col("template_ids").list.eval(pl.element().is_in(new)).list.any()
    return sessions.with_columns(side=pl.when(has_new).then(pl.lit("validation")).otherwise("side"))


def events_of(templates: pl.DataFrame, known: Sequence[str], scores: Mapping[str, float]) -> Events:
    """The events of a log: those of training sessions first, so that what comes behind them is new.

    Args:
        templates: columns ``template_id`` and ``template``, of all sessions.
        known: ids that training sessions hold.
        scores: P(abnormal) by template id; 0 for one that has none.
    """
    first = set(known)
    ordered = pl.concat([
        templates.filter(pl.col("template_id").is_in(first)),
        templates.filter(~pl.col("template_id").is_in(first)),
    ])  # fmt: skip
    ids = ordered["template_id"].to_list()
    return Events(
        tuple(ids),
        tuple(ordered["template"].to_list()),
        np.array([scores.get(key, 0.0) for key in ids], dtype=np.float64),
    )


def batch_of(sequences: pl.Series, events: Events) -> SessionBatch:
    """Sessions as codes.

    Args:
        sequences: lists of template ids, each of which is one of ``events``.
    """
    codes = pl.DataFrame(
        {"template_id": events.ids, "code": range(len(events))}, schema={"template_id": pl.String, "code": pl.Int64}
    )
    lengths = sequences.list.len().fill_null(0).to_numpy().astype(np.int64)
    flat = pl.DataFrame({"template_id": sequences.filter(sequences.list.len() > 0).explode()})
    found = flat.join(codes, on="template_id", how="left", maintain_order="left")["code"].to_numpy()
    return SessionBatch(found.astype(np.int64), np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))


def labelled_sessions(sessions: pl.DataFrame, side: str, events: Events) -> LabelledSessions:
    """The sessions of one side whose truth is known.

    Args:
        sessions: columns ``template_ids``, ``side`` and ``abnormal`` (null where unknown).
        side: train or validation.
    """
    mine = sessions.filter((pl.col("side") == side) & pl.col("abnormal").is_not_null())
    abnormal = mine["abnormal"].to_numpy().astype(np.bool_)
    return LabelledSessions(batch_of(mine["template_ids"], events), abnormal)
