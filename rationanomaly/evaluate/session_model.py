"""The final model on whole sessions: the session model that its folder carries, on its own template scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from rationanomaly import artifacts
from rationanomaly.evaluate.held_out import HeldOut
from rationanomaly.evaluate.predictions import SessionAnswers, SystemAnswers
from rationanomaly.evaluate.systems import SESSION_MODEL
from rationanomaly.model import boundary
from rationanomaly.session_models.chosen import FILES, ChosenSessionModel, read_session_model
from rationanomaly.session_models.model import Reason
from rationanomaly.session_models.tables import batch_of
from rationanomaly.steps import Metrics

#: By row of the tested sessions.
Reasons = Mapping[int, Sequence[Reason]]
#: Alarms whose reasons are written down, the highest scores first: a reason takes a look at every line.
_EXPLAINED = 2000


@dataclass(frozen=True)
class SessionModelAnswers:
    """What the session model says.

    Attributes:
        answers: on the tested sessions.
        reasons: of its alarms.
        validation: metrics that it was chosen by, for each candidate.
    """

    answers: SessionAnswers
    reasons: Reasons
    validation: Metrics


def judge_with_session_model(folder: Path, held_out: HeldOut, final: SystemAnswers) -> SessionModelAnswers | None:
    """Judge the tested sessions; None where the folder carries no session model.

    Args:
        folder: the final model's.
        held_out: what is tested.
        final: its verdicts on templates.

    Raises:
        ArtifactError: the session model is damaged, or is not the one that the folder's manifest means.
    """
    if not held_out.whole_sessions:
        return None
    with boundary.some(folder, artifacts.read(folder, only=()).files, *FILES) as place:
        chosen = read_session_model(place)
    if chosen is None:
        return None
    tested = held_out.sessions.table.select("session").join(
        held_out.teaching, on="session", how="left", maintain_order="left"
    )
    needed = tested.select(pl.col("template_ids").explode().unique().drop_nulls().alias("template_id"))
    texts = held_out.templates.join(needed, on="template_id", how="semi")
    events = chosen.events_with(dict(texts.iter_rows()), final.direct_scores)
    batch = batch_of(tested["template_ids"], events)
    scores = chosen.scores(batch, events)
    alarms = np.flatnonzero(scores >= chosen.threshold.value)
    answers = np.where(scores >= chosen.threshold.value, "abnormal", "normal").tolist()
    explained = alarms[np.argsort(-scores[alarms], kind="stable")][:_EXPLAINED]
    reasons = {int(row): chosen.reasons(batch, events, int(row)) for row in explained}
    rounded = [round(float(score), 6) for score in scores]
    found = SessionAnswers(SESSION_MODEL, answers, rounded, chosen.threshold.value, chosen.threshold.rule)
    return SessionModelAnswers(found, reasons, _validation(chosen))


def _validation(chosen: ChosenSessionModel) -> Metrics:
    """What the choice was made on, by candidate."""
    metrics: Metrics = {}
    for name, measured in chosen.validation.items():
        metrics |= {f"{SESSION_MODEL}/validation/{name.replace(' ', '_')}/{key}": v for key, v in measured.items()}
    return metrics
