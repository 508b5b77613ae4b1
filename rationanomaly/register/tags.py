"""Which metrics of `evaluate` a registered version carries as tags; promotion policies read them."""

from __future__ import annotations

#: Headline of templates under a name that tables of MLflow have room for.
F1_TAG = "f1"
STRESS = "stress/"
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


def _is_stress_rate(metric: str) -> bool:
    parts = metric.split("/")
    return all(parts) and (len(parts) == 3 or (len(parts) == 4 and parts[3] in _ENDS))
