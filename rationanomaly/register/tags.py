"""Which metrics of `evaluate` a registered version carries as tags; promotion policies read them."""

from __future__ import annotations

import math
import re

#: Headline of templates under a name that tables of MLflow have room for.
F1_TAG = "f1"
HEADLINE = "template/abnormal/f1"
STRESS = "stress/"
#: Digest of the model in service that the version was held against on the same data; the metrics of that comparison.
CHAMPION_MODEL, _AGAINST_CHAMPION = "champion.model", "difference/champion/"
#: Of the final model.
_TAGGED = ("template/", "direct/", "session/", "session_tuned/", "session_model/", "difference/",
           "reasoned_minus_direct/", "agreement/", "argues/", "support/", "grounding/", "format/", "free/")  # fmt: skip
#: Of the many comparisons, what a policy can reasonably ask for: these metrics, against these systems. Tags are written
#: one by one.
_DIFFERENCES = ("abnormal/f1", "abnormal/ap", "macro/f1", "/rate", "agreement/alarms")
_RIVALS = ("keyword", "teacher_rule", "labeller", "sft", "champion")
_LEVELS = ("template", "session", "session_tuned", "session_model", "by_dataset")
_NOT_TAGGED = ("/bootstrap/", "/validation/", "session_model_distinct", "session_tuned_distinct")
#: Of a rate ``stress/PROBE/NAME``: itself and these, never those of single families.
_ENDS = frozenset({"low", "high", "rows"})
#: Probes of whose rates less is better, and such rates of the others.
_ALL_BAD = frozenset({"unsupported", "repetition"})
_BAD = frozenset({"flips", "to_abnormal", "missed", "false_alarms", "changed"})
#: Of which less is better wherever they stand: errors, and what has no verdict.
_ERRORS = frozenset({"brier", "ece", "false_positives", "false_negatives"})
_INVALID = "/invalid/"
#: Last parts of names of metrics that count something, and of those that are neither counts nor shares.
_COUNTS = frozenset(
    {"positives", "templates", "true_positives", "true_negatives", "false_positives", "false_negatives"}
)
_AGREEMENTS = frozenset({"fleiss_kappa", "krippendorff_alpha"})
_THRESHOLD, _ROWS, _RATE = "threshold", "rows", "rate"
#: Metrics that are one number minus another, by how their names begin; and stress rates, by how they end.
_COMPARED = ("difference/", "reasoned_minus_direct/")
_OVER_CONTROL = "_over_control"
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def is_tagged(metric: str) -> bool:
    """Whether a version carries this metric of `evaluate` as a tag, so that a policy can ask for it."""
    if metric.startswith(STRESS):
        return _is_stress_rate(metric)
    if not metric.startswith(_TAGGED) or any(part in metric for part in _NOT_TAGGED):
        return False
    kind, rival, *_ = [*metric.split("/"), ""]
    if kind == "difference" and rival not in (*_RIVALS, *_LEVELS) and "/rate" not in metric:
        return False
    compares = metric.startswith(_COMPARED)
    return not compares or any(name in metric for name in _DIFFERENCES)


def paired_tag(metric: str) -> str:
    """The name of the difference between a version and the champion in a metric, measured on the same data."""
    return f"{_AGAINST_CHAMPION}{metric}"


def is_paired(metric: str) -> bool:
    """Whether versions carry the interval of their difference to the champion in this metric."""
    compares = metric.startswith(_COMPARED) or metric.endswith(("/low", "/high"))
    return not compares and is_tagged(metric) and is_tagged(paired_tag(metric))


def is_of_evaluation(tag: str) -> bool:
    """Whether a tag tells of an evaluation, so that it goes when the version is evaluated again without it."""
    return is_tagged(tag) or tag == CHAMPION_MODEL


def is_better_lower(metric: str) -> bool:
    """Whether less is better of a metric of `evaluate`: an error or a bad rate, or an end of the interval of one."""
    estimate = _estimate(metric)
    if not metric.startswith(STRESS):
        return _INVALID in metric or estimate.rpartition("/")[2] in _ERRORS
    rate = estimate.removeprefix(STRESS)
    probe, _, name = rate.removesuffix("_control").removesuffix("_over").partition("/")
    return not name.endswith("/rows") and (probe in _ALL_BAD or name in _BAD)


def bounds(metric: str) -> tuple[float, float]:
    """The least and the greatest value that a tagged metric can have: of shares 0 and 1, of differences -1 and 1."""
    estimate = _estimate(metric)
    last = estimate.rpartition("/")[2]
    if metric.startswith(_COMPARED) or estimate.endswith(_OVER_CONTROL) or last in _AGREEMENTS:
        return -1.0, 1.0
    if last == _THRESHOLD:
        return -math.inf, math.inf
    counts = last.endswith(_ROWS) or last in _COUNTS or (_INVALID in metric and last != _RATE)
    return 0.0, math.inf if counts else 1.0


def is_possible(metric: str, value: float) -> bool:
    """Whether a tagged metric can have this value, which is a finite number within its bounds."""
    lowest, highest = bounds(metric)
    return math.isfinite(value) and lowest <= value <= highest


def is_number(text: str) -> bool:
    """Whether a text spells a number in decimal digits of ASCII: no `inf`, `nan`, `1_0`, `0x1` or digits of others."""
    return _NUMBER.fullmatch(text) is not None


def _estimate(metric: str) -> str:
    return metric.removesuffix("/low").removesuffix("/high")


def _is_stress_rate(metric: str) -> bool:
    parts = metric.split("/")
    return all(parts) and (len(parts) == 3 or (len(parts) == 4 and parts[3] in _ENDS))
