"""RationAnomaly: says which log templates are anomalous, and shows its reasoning (arXiv 2509.14693).

import rationanomaly as ra

detector = ra.Detector.open("outputs/laptop/grpo")  # or "models:/rationanomaly@champion"
for verdict in detector.judge(["link <*> down"]):
    print(verdict.answer, verdict.score, verdict.rationale)
for found in detector.judge_log("app.log"):
    print(found.line, found.verdict.answer, found.message)

params = ra.load_params("params.yaml", ["run.seed=1"])
ra.run_step("parse", params, {}, "outputs/laptop/parse")

Names are imported when they are first asked for: the import itself loads nothing, torch least of all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rationanomaly.detection.detector import Detector
    from rationanomaly.detection.verdict import LineVerdict, Verdict
    from rationanomaly.errors import RationAnomalyError
    from rationanomaly.params import Params, load_params
    from rationanomaly.runs.one_step import run_step

__version__ = "0.1.0"

__all__ = [
    "Detector",
    "LineVerdict",
    "Params",
    "RationAnomalyError",
    "Verdict",
    "__version__",
    "load_params",
    "run_step",
]

_HOMES = {
    "Detector": "rationanomaly.detection.detector",
    "LineVerdict": "rationanomaly.detection.verdict",
    "Params": "rationanomaly.params",
    "RationAnomalyError": "rationanomaly.errors",
    "Verdict": "rationanomaly.detection.verdict",
    "load_params": "rationanomaly.params",
    "run_step": "rationanomaly.runs.one_step",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value: object = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
