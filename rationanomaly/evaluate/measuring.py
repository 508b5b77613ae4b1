"""From verdicts to metrics, under the names that metrics.json, MLflow and the promotion policy share.

The final model's metrics have no prefix (``template/abnormal/f1``); those of the others have their system's name
before them (``sft/template/abnormal/f1``). ``LEVEL_corrected`` holds a level against the corrected labels where the
truth is something else, ``direct/template`` a model's direct verdicts. ``difference/…`` is the final model minus the
reference classifier, ``difference/SYSTEM/…`` minus another one, on the rows that both are measured on;
``reasoned_minus_direct/…`` is the final model minus itself without an analysis.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from rationanomaly.evaluate.generated_texts import text_flags, text_metrics
from rationanomaly.evaluate.metrics import Judged, class_metrics, difference, intervals, rate_difference
from rationanomaly.evaluate.predictions import SystemAnswers
from rationanomaly.evaluate.session_threshold import judge_tuned
from rationanomaly.evaluate.sessions import judge_session
from rationanomaly.evaluate.systems import FINAL, REFERENCE, RIVALS, difference_prefix, prefix
from rationanomaly.steps import Metrics

_BY_DATASET = "by_dataset/"
_DATASET_MEAN = "dataset_mean/template"
_DIRECT = "direct/template"
_REASONED_MINUS_DIRECT = "reasoned_minus_direct/template"
#: Levels with all metrics and intervals; the others have those of `_BRIEF`.
_MAIN = ("template", "session", _DIRECT)
#: Kept of a level's metrics where it is split by data set or held against other labels.
_BRIEF = (*(f"abnormal/{name}" for name in ("f1", "precision", "recall", "ap")), "macro/f1", "weighted/f1", "rows",
          "positives")  # fmt: skip
#: What has a meaning as a mean over data sets.
_MEANS = ("abnormal/f1", "abnormal/precision", "abnormal/recall", "abnormal/ap", "macro/f1")


def measure(
    systems: Sequence[SystemAnswers], tested: pl.DataFrame, sessions: pl.DataFrame, draws: int, seed: int
) -> Metrics:
    """All metrics of all systems.

    Args:
        tested: the tested templates, in the order of the predictions.
        sessions: `sessions.TESTED_SCHEMA`.
        draws: bootstrap resamples; 0: no intervals.
        seed: of the bootstrap.
    """
    metrics: Metrics = {}
    levels = {one.name: {**template_levels(one, tested), **session_levels(one, sessions)} for one in systems}
    for system in systems:
        found = _of_levels(levels[system.name], draws, seed)
        found |= text_metrics(system) | _coverage(system, tested, sessions)
        if "session_tuned/rows" in found and system.session_threshold is not None:
            found["session_tuned/threshold"] = system.session_threshold
        metrics |= {prefix(system.name) + key: value for key, value in found.items()}
    by_name = {system.name: system for system in systems}
    return metrics | _differences(by_name, levels, tested["group"].to_list(), draws, seed)


def template_levels(system: SystemAnswers, tested: pl.DataFrame) -> dict[str, Judged]:
    """The templates as a whole; by data set, if there are several; against corrected labels, if these differ; and all
    of a model's direct verdicts."""
    groups: list[int] = tested["group"].to_list()
    levels = {"template": system.judged(groups)}
    if any(p.truth != p.label for p in system.predictions):
        levels["template_corrected"] = system.judged(groups, column="label")
    if tested["dataset"].n_unique() > 1:
        datasets = tested["dataset"].to_list()
        for name in sorted(set(datasets)):
            rows = [row for row in system.rows if datasets[row] == name]
            levels[f"{_BY_DATASET}{_plain(name)}/template"] = system.judged(groups, rows)
    if system.prompt is not None:
        levels[_DIRECT] = system.judged_directly(groups)
    return levels


def session_levels(system: SystemAnswers, sessions: pl.DataFrame) -> dict[str, Judged]:
    """The sessions against their truth (all; distinct ones; with their own threshold), and against corrected labels."""
    judged = [judge_session(templates, system.by_id) for templates in sessions["templates"]]
    answers, scores = [one.answer for one in judged], [one.score for one in judged]
    levels: dict[str, Judged] = {}
    truths = {"session": session_truth(sessions), "session_corrected": sessions["corrected"].to_list()}
    for level, truth in truths.items():
        known = [row for row, value in enumerate(truth) if value is not None]
        if not known or (level == "session_corrected" and truth == truths["session"]):
            continue
        labels = ["abnormal" if value else "normal" for value in truth]
        levels[level] = _pick(labels, answers, scores, known)
        if level == "session" and system.session_threshold is not None:
            tuned = [judge_tuned(keys, system.by_id, system.session_threshold).answer for keys in sessions["templates"]]
            levels["session_tuned"] = _pick(labels, tuned, scores, known)
        if level == "session":
            distinct = {(tuple(sessions["templates"][row]), truth[row]): row for row in reversed(known)}
            levels["session_distinct"] = _pick(labels, answers, scores, sorted(distinct.values()))
    return levels


def _of_levels(levels: Mapping[str, Judged], draws: int, seed: int) -> Metrics:
    metrics: Metrics = {}
    for level, judged in levels.items():
        found = class_metrics(judged)
        metrics |= {f"{level}/{key}": found[key] for key in found if level in _MAIN or key in _BRIEF}
        if draws and level in _MAIN:
            metrics |= {f"{level}/{key}": value for key, value in intervals(judged, draws, seed).items()}
    return metrics | _dataset_means(levels)


def _dataset_means(levels: Mapping[str, Judged]) -> Metrics:
    """Means over the data sets, each counting alike; none of a metric that one data set does not define."""
    parts = [class_metrics(judged) for level, judged in levels.items() if level.startswith(_BY_DATASET)]
    if not parts:
        return {}
    found = {
        f"{_DATASET_MEAN}/{key}": sum(part[key] for part in parts) / len(parts)
        for key in _MEANS
        if all(key in part for part in parts)
    }
    return found | {f"{_DATASET_MEAN}/{key}": sum(part[key] for part in parts) for key in ("rows", "positives")}


def _differences(
    systems: Mapping[str, SystemAnswers],
    levels: Mapping[str, Mapping[str, Judged]],
    groups: Sequence[int],
    draws: int,
    seed: int,
) -> Metrics:
    """The final model minus its rivals, and minus itself without an analysis; always on the same rows."""
    metrics: Metrics = {}
    final = systems[FINAL]
    flags = text_flags(final)
    for rival in RIVALS:
        before, theirs = difference_prefix(rival), systems[rival]
        # By data set against the reference only: the names are many as it is.
        parts = [level for level in levels[FINAL] if level.startswith(_BY_DATASET) and rival == REFERENCE]
        pairs = {level: (levels[FINAL][level], levels[rival][level]) for level in parts}
        pairs["template"] = (levels[FINAL]["template"], levels[rival]["template"])
        if tuple(theirs.rows) != tuple(final.rows):
            common = sorted(set(final.rows) & set(theirs.rows))
            pairs["template"] = (final.judged(groups, common), theirs.judged(groups, common))
        if "session" in levels[FINAL]:
            pairs["session"] = (levels[FINAL]["session"], levels[rival]["session"])
        for level, (one, other) in pairs.items():
            metrics |= {f"{before}{level}/{key}": v for key, v in difference(one, other, draws, seed).items()}
        for name, other_flags in text_flags(theirs).items():
            found = rate_difference(flags.get(name, {}), other_flags, groups, draws, seed)
            metrics |= {f"{before}{name}{end}": value for end, value in found.items()}
    if final.reasoned:
        directly = final.judged_directly(groups, final.reasoned)
        found = difference(levels[FINAL]["template"], directly, draws, seed)
        metrics |= {f"{_REASONED_MINUS_DIRECT}/{key}": value for key, value in found.items()}
    return metrics


def session_truth(sessions: pl.DataFrame) -> list[bool | None]:
    """Truth file or alert tags; where nothing is known of a session, corrected labels."""
    truth: list[bool | None] = sessions.select(pl.col("truth").fill_null(pl.col("corrected"))).to_series().to_list()
    return truth


def session_rows(systems: Sequence[SystemAnswers], sessions: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Every system's answer on every tested session, as JSON objects; ``because`` is the template that scores most."""
    for system in systems:
        for row, truth in zip(sessions.iter_rows(named=True), session_truth(sessions), strict=True):
            judged = judge_session(row["templates"], system.by_id)
            known = [template for template in row["templates"] if template in system.by_id]
            yield {
                "model": system.name,
                "session": row["session"],
                "lines": row["lines"],
                "templates": len(row["templates"]),
                "truth": _label(truth),
                "corrected": _label(row["corrected"]),
                "answer": judged.answer,
                "score": judged.score,
                "because": max(known, key=lambda template: system.by_id[template].score, default=None),
            }


def irreducible(tested: pl.DataFrame) -> Metrics:
    """What no answer per template can get right: lines whose truth is not that of most lines of their template."""
    lines = int(tested["counted_lines"].sum())
    found = {"mixed/templates": float(tested["mixed"].sum())}
    if lines:
        found["mixed/irreducible_line_error"] = float(tested["minority_lines"].sum()) / lines
    return found


def _coverage(system: SystemAnswers, tested: pl.DataFrame, sessions: pl.DataFrame) -> dict[str, float]:
    """Share of the tested templates, and of the sessions whole, that have a verdict."""
    found = {}
    if tested.height:
        found["template/coverage"] = sum(key in system.by_id for key in tested["template_id"]) / tested.height
    if sessions.height:
        whole = sum(all(key in system.by_id for key in keys) for keys in sessions["templates"])
        found["session/coverage"] = whole / sessions.height
    return found


def _pick(labels: list[str], answers: list[str], scores: list[float], rows: list[int]) -> Judged:
    return Judged([labels[r] for r in rows], [answers[r] for r in rows], [scores[r] for r in rows], rows)


def _plain(name: str) -> str:
    """A data set's name as part of a metric's: MLflow takes only some characters there."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in name)[:60]


def _label(value: bool | None) -> str | None:
    return None if value is None else "abnormal" if value else "normal"
