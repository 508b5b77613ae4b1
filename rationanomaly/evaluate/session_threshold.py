"""A threshold for sessions, chosen on validation sessions.

A session's score is the highest among its templates', so the longer a session is, the higher its score, and a
threshold that suits templates calls too many sessions abnormal. Here it is chosen for the best F1 on sessions of the
validation split, held against corrected labels: what an operator knows before the test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from rationanomaly.evaluate.sessions import TESTED_SCHEMA, ScoredAnswer, choose_sessions, judge_session
from rationanomaly.session_models import thresholds


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


def choose_threshold(scores: Sequence[float], abnormal: Sequence[bool]) -> float | None:
    """The threshold with the best F1; among equals the one nearest to .5. None with fewer than 5 positives."""
    found = thresholds.choose_threshold(scores, abnormal)
    return None if found is None else found.value


def tune(calibration: pl.DataFrame, scores: Mapping[str, float]) -> float | None:
    """Choose a model's threshold.

    Args:
        calibration: from `calibration_sessions`.
        scores: by template id; from a model that has not learnt from the validation split.
    """
    known = calibration.filter(pl.col("corrected").is_not_null())
    answers = {key: ScoredAnswer("normal", score) for key, score in scores.items()}
    highest = [judge_session(templates, answers).score for templates in known["templates"]]
    return choose_threshold(highest, known["corrected"].to_list())


def judge_tuned(templates: list[str], answers: Mapping[str, ScoredAnswer], threshold: float) -> ScoredAnswer:
    """As `judge_session`, but abnormal from ``threshold`` on."""
    plain = judge_session(templates, answers)
    if plain.score >= threshold:
        return ScoredAnswer("abnormal", plain.score)
    complete = all(key in answers and answers[key].answer != "invalid" for key in templates)
    return ScoredAnswer("normal" if complete else "invalid", plain.score)
