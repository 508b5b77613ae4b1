"""A threshold for sessions, chosen on validation sessions.

A session's score is the highest among its templates', so the longer a session is, the higher its score, and a
threshold that suits templates calls too many sessions abnormal. Here it is chosen by the rule of params
(``evaluate.session_threshold``) on sessions of the validation split, held against corrected labels: what an operator
knows before the test.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from rationanomaly.evaluate.session_verdicts import TemplateVerdicts, flatten, judge_sessions
from rationanomaly.evaluate.sessions import TESTED_SCHEMA, ScoredAnswer, choose_sessions
from rationanomaly.thresholds import ThresholdRule, choose_threshold


def calibration_sessions(sessions: pl.DataFrame, lines: pl.DataFrame, labelled: pl.DataFrame) -> pl.DataFrame:
    """The validation sessions, chosen as test sessions are; nothing of the test split is in them.

    Args:
        sessions, lines, labelled: as for `choose_sessions`.

    Returns:
        `sessions.TESTED_SCHEMA`; empty if nothing is left, or if there is no test split to keep apart.
    """
    if sessions["split"].is_not_null().any():
        # They are as they came: each has its own label.
        chosen = choose_sessions(sessions, lines, labelled, frozenset(), "validation").table
        return chosen.with_columns(corrected=pl.col("truth").fill_null(pl.col("corrected")))
    tested = labelled.filter(pl.col("split") == "test")
    known = labelled.filter(pl.col("split") != "test")
    validation = frozenset(known.filter(pl.col("split") == "validation")["template_id"])
    if tested.is_empty() or not validation:
        return TESTED_SCHEMA.to_frame()
    by_templates = choose_sessions(sessions, lines, known, validation)
    if by_templates.scope == "held-out lines":
        return by_templates.table
    # By time: a session counts if it ends before anything of the test appears.
    test_ids = list(tested["template_id"])
    clean = sessions.filter(pl.col("template_ids").list.set_intersection(test_ids).list.len() == 0)
    return by_templates.table.join(clean, on="session", how="semi", maintain_order="left")


def tune(calibration: pl.DataFrame, scores: Mapping[str, float], rule: ThresholdRule) -> float | None:
    """Choose a model's threshold for the highest score among a session's templates.

    Args:
        calibration: from `calibration_sessions`.
        scores: by template id; from a model that has not learnt from the validation split.
        rule: by which it is chosen.

    Returns:
        None with fewer than `thresholds.MIN_POSITIVES` abnormal sessions.
    """
    known = calibration.filter(pl.col("corrected").is_not_null())
    ids, codes, starts = flatten(known["templates"])
    verdicts = TemplateVerdicts.of(ids, {key: ScoredAnswer("normal", score) for key, score in scores.items()})
    found = choose_threshold(judge_sessions(codes, starts, verdicts).scores, known["corrected"].to_list(), rule)
    return None if found is None else found.value
