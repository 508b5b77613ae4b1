"""Which metrics of `evaluate` a registered version carries as tags; promotion policies read them."""

from __future__ import annotations

#: Headline of templates under a name that tables of MLflow have room for.
F1_TAG = "f1"
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


def is_tagged(metric: str) -> bool:
    """Whether a version carries this metric of `evaluate` as a tag, so that a policy can ask for it."""
    if metric.startswith(STRESS):
        return _is_stress_rate(metric)
    if not metric.startswith(_TAGGED) or any(part in metric for part in _NOT_TAGGED):
        return False
    kind, rival, *_ = [*metric.split("/"), ""]
    if kind == "difference" and rival not in (*_RIVALS, *_LEVELS) and "/rate" not in metric:
        return False
    compares = kind in ("difference", "reasoned_minus_direct")
    return not compares or any(name in metric for name in _DIFFERENCES)


def paired_tag(metric: str) -> str:
    """The name of the difference between a version and the champion in a metric, measured on the same data."""
    return f"{_AGAINST_CHAMPION}{metric}"


def is_paired(metric: str) -> bool:
    """Whether versions carry the interval of their difference to the champion in this metric."""
    compares = metric.startswith(("difference/", "reasoned_minus_direct/")) or metric.endswith(("/low", "/high"))
    return not compares and is_tagged(metric) and is_tagged(paired_tag(metric))


def is_of_evaluation(tag: str) -> bool:
    """Whether a tag tells of an evaluation, so that it goes when the version is evaluated again without it."""
    return is_tagged(tag) or tag == CHAMPION_MODEL


def is_better_lower(metric: str) -> bool:
    """Whether less is better of a metric of `evaluate`: an error or a bad rate, or an end of the interval of one."""
    estimate = metric.removesuffix("/low").removesuffix("/high")
    if not metric.startswith(STRESS):
        return _INVALID in metric or estimate.rpartition("/")[2] in _ERRORS
    rate = estimate.removeprefix(STRESS)
    probe, _, name = rate.removesuffix("_control").removesuffix("_over").partition("/")
    return not name.endswith("/rows") and (probe in _ALL_BAD or name in _BAD)


def _is_stress_rate(metric: str) -> bool:
    parts = metric.split("/")
    return all(parts) and (len(parts) == 3 or (len(parts) == 4 and parts[3] in _ENDS))
