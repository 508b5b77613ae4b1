"""From verdicts to metrics, under the names that metrics.json, MLflow and the promotion policy share.

The final model's metrics have no prefix (``template/abnormal/f1``); those of the others have their system's name
before them (``sft/template/abnormal/f1``). ``LEVEL_corrected`` holds a level against the corrected labels where the
truth is something else, ``direct/template`` a model's direct verdicts, ``session_model`` the final model's verdicts on
whole sessions. ``difference/…`` is the final model minus the reference classifier, ``difference/SYSTEM/…`` minus
another one, on the rows that both are measured on; ``reasoned_minus_direct/…`` is the final model minus itself without
an analysis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from rationanomaly.evaluate.comparisons import difference, mcnemar, paired_bootstrap, rate_difference
from rationanomaly.evaluate.generated_texts import Flags, text_flags, text_metrics
from rationanomaly.evaluate.intervals import intervals
from rationanomaly.evaluate.levels import (
    DATASET_MEAN,
    DIRECT,
    DISTINCT,
    SESSION_MODEL,
    TestedSessions,
    is_of_a_dataset,
    session_levels,
    template_levels,
    whole_session_levels,
)
from rationanomaly.evaluate.lines import LineCounts, line_metrics
from rationanomaly.evaluate.metrics import Judged, class_metrics
from rationanomaly.evaluate.predictions import SessionAnswers, SystemAnswers
from rationanomaly.evaluate.systems import FINAL, REFERENCE, RIVALS, difference_prefix, prefix
from rationanomaly.steps import Metrics

_REASONED_MINUS_DIRECT = "reasoned_minus_direct/template"
#: Levels with all metrics and intervals; the others have those of `_BRIEF`.
_MAIN = ("template", "session", DIRECT, "session_tuned", SESSION_MODEL)
#: Kept of a level's metrics where it is split by data set or held against other labels.
_BRIEF = (*(f"abnormal/{name}" for name in ("f1", "precision", "recall", "ap", "roc_auc")), "macro/f1", "weighted/f1",
          "rows", "positives")  # fmt: skip
#: What has a meaning as a mean over data sets.
_MEANS = ("abnormal/f1", "abnormal/precision", "abnormal/recall", "abnormal/ap", "abnormal/roc_auc", "macro/f1")
#: Scores of whole sessions are no probabilities.
_CALIBRATION = "calibration/"

Levels = Mapping[str, Judged]


def measure(
    systems: Sequence[SystemAnswers],
    whole: Sequence[SessionAnswers],
    chosen: SessionAnswers | None,
    tested: pl.DataFrame,
    sessions: TestedSessions,
    lines: LineCounts,
    draws: int,
    seed: int,
) -> Metrics:
    """All metrics of all systems.

    Args:
        systems: those that judge templates; the final model is one of them.
        whole: those that judge whole sessions.
        chosen: what the final model's session model says; None where there is none.
        tested: the tested templates, in the order of the predictions.
        sessions: the tested sessions.
        lines: how many lines of which truth the tested templates have.
        draws: bootstrap resamples; 0: none.
        seed: of all draws.
    """
    metrics: Metrics = {}
    levels = {one.name: {**template_levels(one, tested), **session_levels(one, sessions)} for one in systems}
    if chosen is not None:
        levels[FINAL] |= whole_session_levels(SESSION_MODEL, chosen, sessions)
        metrics[f"{SESSION_MODEL}/threshold"] = chosen.threshold
    flags = {system.name: text_flags(system) for system in systems}
    for system in systems:
        found = _of_levels(levels[system.name])
        found |= line_metrics(system, lines, draws, seed) | _coverage(system, tested, sessions)
        found |= text_metrics(system, flags[system.name])
        if "session_tuned" in levels[system.name] and system.session_threshold is not None:
            found["session_tuned/threshold"] = system.session_threshold
        metrics |= {prefix(system.name) + key: value for key, value in found.items()}
    of_whole = {one.name: whole_session_levels("session", one, sessions) for one in whole}
    for one in whole:
        found = {key: value for key, value in _of_levels(of_whole[one.name]).items() if _CALIBRATION not in key}
        found["session/threshold"] = one.threshold
        metrics |= {prefix(one.name) + key: value for key, value in found.items()}
    by_name = {system.name: system for system in systems}
    metrics |= _differences(by_name, levels, flags, tested["group"].to_list(), draws, seed)
    return metrics | _session_differences(levels, of_whole)


def _of_levels(levels: Levels) -> Metrics:
    metrics: Metrics = {}
    for level, judged in levels.items():
        found = class_metrics(judged)
        main = level.removesuffix(DISTINCT) in _MAIN
        metrics |= {f"{level}/{key}": found[key] for key in found if main or key in _BRIEF}
        if main:
            metrics |= {f"{level}/{key}": value for key, value in intervals(judged).items()}
    return metrics | _dataset_means(levels)


def _dataset_means(levels: Levels) -> Metrics:
    """Means over the data sets, each counting alike; none of a metric that one data set does not define."""
    found: Metrics = {}
    for kind in ("template", DIRECT):
        parts = [class_metrics(judged) for level, judged in levels.items() if is_of_a_dataset(level, kind)]
        if not parts:
            continue
        for key in _MEANS:
            if all(key in part for part in parts):
                found[f"{DATASET_MEAN}{kind}/{key}"] = sum(part[key] for part in parts) / len(parts)
        found |= {f"{DATASET_MEAN}{kind}/{key}": sum(part[key] for part in parts) for key in ("rows", "positives")}
    return found


def _differences(
    systems: Mapping[str, SystemAnswers],
    levels: Mapping[str, Levels],
    flags: Mapping[str, Mapping[str, Flags]],
    groups: Sequence[int],
    draws: int,
    seed: int,
) -> Metrics:
    """The final model minus its rivals, and minus itself without an analysis; always on the same rows."""
    metrics: Metrics = {}
    final = systems[FINAL]
    for rival in (name for name in RIVALS if name in systems):
        before, theirs = difference_prefix(rival), systems[rival]
        # By data set against the reference only: the names are many as it is.
        parts = [level for level in levels[FINAL] if is_of_a_dataset(level) and rival == REFERENCE]
        pairs = {level: (levels[FINAL][level], levels[rival][level]) for level in parts}
        template = (levels[FINAL]["template"], levels[rival]["template"])
        if tuple(theirs.rows) != tuple(final.rows):
            common = sorted(set(final.rows) & set(theirs.rows))
            template = (final.judged(groups, common), theirs.judged(groups, common))
        pairs["template"] = template
        if "session" in levels[FINAL] and "session" in levels[rival]:
            pairs["session"] = (levels[FINAL]["session"], levels[rival]["session"])
        for level, (one, other) in pairs.items():
            metrics |= {f"{before}{level}/{key}": value for key, value in difference(one, other).items()}
        tests = mcnemar(*template, seed=seed) | paired_bootstrap(*template, draws, seed)
        metrics |= {f"{before}template/{key}": value for key, value in tests.items()}
        for name, other_flags in flags[rival].items():
            found = rate_difference(flags[FINAL].get(name, {}), other_flags, groups)
            metrics |= {f"{before}{name}{end}": value for end, value in found.items()}
    if final.reasoned:
        directly = final.judged_directly(groups, final.reasoned)
        found = difference(levels[FINAL]["template"], directly)
        metrics |= {f"{_REASONED_MINUS_DIRECT}/{key}": value for key, value in found.items()}
    return metrics


def _session_differences(levels: Mapping[str, Levels], whole: Mapping[str, Levels]) -> Metrics:
    """What the final model says of sessions at its best, minus every other system at its own."""
    metrics: Metrics = {}
    ours = levels[FINAL]
    level = next((name for name in (SESSION_MODEL, "session_tuned") if name in ours), None)
    if level is None:
        return metrics
    rivals = {name: levels[name] for name in RIVALS if name in levels} | dict(whole)
    for rival, theirs in rivals.items():
        for distinct in ("", DISTINCT):
            other = next((theirs[n + distinct] for n in ("session_tuned", "session") if n + distinct in theirs), None)
            if other is not None:
                one, before = ours[level + distinct], f"{difference_prefix(rival)}{level}{distinct}/"
                found = difference(one, other) | mcnemar(one, other)
                metrics |= {before + key: value for key, value in found.items()}
    return metrics


def irreducible(tested: pl.DataFrame, counted: LineCounts) -> Metrics:
    """What no answer per template can get right: lines whose truth is not that of most lines of their template.

    Returns:
        ``mixed/templates``; where the truth of lines is known ``mixed/irreducible_line_error``, and
        ``mixed/best_line_f1``: the best that any verdict per template reaches.
    """
    lines = int(tested["counted_lines"].sum())
    found = {"mixed/templates": float(tested["mixed"].sum())}
    if lines:
        found["mixed/irreducible_line_error"] = float(tested["minority_lines"].sum()) / lines
    if (best := counted.best_f1) is not None:
        found["mixed/best_line_f1"] = best
    return found


def _coverage(system: SystemAnswers, tested: pl.DataFrame, sessions: TestedSessions) -> dict[str, float]:
    """Share of the tested templates, and of the sessions whole, that have a verdict; not of one that judges none."""
    found: dict[str, float] = {}
    if not system.by_id:
        return found
    if tested.height:
        found["template/coverage"] = sum(key in system.by_id for key in tested["template_id"]) / tested.height
    if len(sessions.truth):
        found["session/coverage"] = sessions.coverage(system)
    return found
