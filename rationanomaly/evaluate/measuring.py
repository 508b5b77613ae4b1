"""From verdicts to metrics, under the names that metrics.json, MLflow and the promotion policy share.

The final model's metrics have no prefix (``template/abnormal/f1``); those of the others have their model's name
before them (``sft/template/abnormal/f1``). ``LEVEL_corrected`` holds a level against the corrected labels where the
truth is something else. ``difference/…`` is the final model minus the reference classifier.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from rationanomaly.evaluate.judging import FINAL, REFERENCE, ModelAnswers, text_metrics
from rationanomaly.evaluate.metrics import Judged, class_metrics, difference, intervals
from rationanomaly.evaluate.session_threshold import judge_tuned
from rationanomaly.evaluate.sessions import judge_session
from rationanomaly.steps import Metrics

_BY_DATASET = "by_dataset/"
#: Levels at which the final model is compared with the reference classifier; and each data set.
_COMPARED = ("template", "session")
#: Kept of a level's metrics where it is split by data set or held against other labels.
_BRIEF = (*(f"abnormal/{name}" for name in ("f1", "precision", "recall", "ap")), "macro/f1", "weighted/f1", "rows",
          "positives")  # fmt: skip


def measure(
    models: Sequence[ModelAnswers], tested: pl.DataFrame, sessions: pl.DataFrame, draws: int, seed: int
) -> Metrics:
    """All metrics of all models.

    Args:
        tested: the tested templates, in the order of the predictions.
        sessions: `sessions.TESTED_SCHEMA`.
        draws: bootstrap resamples; 0: no intervals.
        seed: of the bootstrap.
    """
    metrics: Metrics = {}
    levels = {model.name: {**template_levels(model, tested), **session_levels(model, sessions)} for model in models}
    for model in models:
        prefix = "" if model.name == FINAL else f"{model.name}/"
        for level, judged in levels[model.name].items():
            found = class_metrics(judged)
            brief = level not in ("template", "session")
            metrics |= {f"{prefix}{level}/{key}": found[key] for key in found if not brief or key in _BRIEF}
            if draws and not brief:
                metrics |= {f"{prefix}{level}/{key}": v for key, v in intervals(judged, draws, seed).items()}
        metrics |= {f"{prefix}{key}": value for key, value in text_metrics(model.predictions).items()}
        metrics |= {f"{prefix}{key}": value for key, value in _coverage(model, tested, sessions).items()}
        if f"{prefix}session_tuned/rows" in metrics and model.session_threshold is not None:
            metrics[f"{prefix}session_tuned/threshold"] = model.session_threshold
    for level, ours in levels[FINAL].items():
        if level in _COMPARED or level.startswith(_BY_DATASET):
            compared = difference(ours, levels[REFERENCE][level], draws, seed)
            metrics |= {f"difference/{level}/{key}": value for key, value in compared.items()}
    return metrics


def template_levels(model: ModelAnswers, tested: pl.DataFrame) -> dict[str, Judged]:
    """The templates as a whole; by data set, if there are several; against corrected labels, if these differ."""
    groups: list[int] = tested["group"].to_list()
    levels = {"template": model.judged(groups)}
    if any(p.truth != p.label for p in model.predictions):
        levels["template_corrected"] = model.judged(groups, column="label")
    rows: dict[str, list[int]] = defaultdict(list)
    for row, dataset in enumerate(tested["dataset"]):
        rows[dataset].append(row)
    if len(rows) > 1:
        levels |= {f"{_BY_DATASET}{_plain(name)}/template": model.judged(groups, rows[name]) for name in sorted(rows)}
    return levels


def session_levels(model: ModelAnswers, sessions: pl.DataFrame) -> dict[str, Judged]:
    """The sessions against their truth (all; distinct ones; with their own threshold), and against corrected labels."""
    judged = [judge_session(templates, model.by_id) for templates in sessions["templates"]]
    answers, scores = [one.answer for one in judged], [one.score for one in judged]
    levels: dict[str, Judged] = {}
    truths = {"session": session_truth(sessions), "session_corrected": sessions["corrected"].to_list()}
    for level, truth in truths.items():
        known = [row for row, value in enumerate(truth) if value is not None]
        if not known or (level == "session_corrected" and truth == truths["session"]):
            continue
        labels = ["abnormal" if value else "normal" for value in truth]
        levels[level] = _pick(labels, answers, scores, known)
        if level == "session" and model.session_threshold is not None:
            tuned = [judge_tuned(keys, model.by_id, model.session_threshold).answer for keys in sessions["templates"]]
            levels["session_tuned"] = _pick(labels, tuned, scores, known)
        if level == "session":
            distinct = {(tuple(sessions["templates"][row]), truth[row]): row for row in reversed(known)}
            levels["session_distinct"] = _pick(labels, answers, scores, sorted(distinct.values()))
    return levels


def session_truth(sessions: pl.DataFrame) -> list[bool | None]:
    """Truth file or alert tags; where nothing is known of a session, corrected labels."""
    truth: list[bool | None] = sessions.select(pl.col("truth").fill_null(pl.col("corrected"))).to_series().to_list()
    return truth


def session_rows(models: Sequence[ModelAnswers], sessions: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Every model's answer on every tested session, as JSON objects; ``because`` is the template that scores most."""
    for model in models:
        for row, truth in zip(sessions.iter_rows(named=True), session_truth(sessions), strict=True):
            judged = judge_session(row["templates"], model.by_id)
            known = [template for template in row["templates"] if template in model.by_id]
            yield {
                "model": model.name,
                "session": row["session"],
                "lines": row["lines"],
                "templates": len(row["templates"]),
                "truth": _label(truth),
                "corrected": _label(row["corrected"]),
                "answer": judged.answer,
                "score": judged.score,
                "because": max(known, key=lambda template: model.by_id[template].score, default=None),
            }


def irreducible(tested: pl.DataFrame) -> Metrics:
    """What no answer per template can get right: lines whose truth is not that of most lines of their template."""
    lines = int(tested["counted_lines"].sum())
    found = {"mixed/templates": float(tested["mixed"].sum())}
    if lines:
        found["mixed/irreducible_line_error"] = float(tested["minority_lines"].sum()) / lines
    return found


def _coverage(model: ModelAnswers, tested: pl.DataFrame, sessions: pl.DataFrame) -> dict[str, float]:
    """Share of the tested templates, and of the sessions whole, that have a verdict."""
    found = {}
    if tested.height:
        found["template/coverage"] = sum(key in model.by_id for key in tested["template_id"]) / tested.height
    if sessions.height:
        whole = sum(all(key in model.by_id for key in keys) for keys in sessions["templates"])
        found["session/coverage"] = whole / sessions.height
    return found


def _pick(labels: list[str], answers: list[str], scores: list[float], rows: list[int]) -> Judged:
    return Judged([labels[r] for r in rows], [answers[r] for r in rows], [scores[r] for r in rows], rows)


def _plain(name: str) -> str:
    """A data set's name as part of a metric's: MLflow takes only some characters there."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in name)[:60]


def _label(value: bool | None) -> str | None:
    return None if value is None else "abnormal" if value else "normal"
