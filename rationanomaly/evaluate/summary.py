"""What a pipeline run has come to, as data; `summary_table` shows it in a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rationanomaly import artifacts
from rationanomaly.errors import ArtifactError
from rationanomaly.evaluate.examples import EXAMPLES
from rationanomaly.evaluate.judging import FINAL, MODELS, TITLES, Prediction
from rationanomaly.evaluate.report import REPORT
from rationanomaly.records import METRICS, PREDICTIONS, REGISTERED, read_objects, read_rows


@dataclass(frozen=True)
class ClassMetrics:
    """The abnormal class at one level, each in [0, 1]; None where it isn't defined (no such sessions, no positives).

    Attributes:
        f1_interval: 95 % bootstrap interval of F1.
    """

    f1: float | None
    precision: float | None
    recall: float | None
    ap: float | None
    f1_interval: tuple[float, float] | None


@dataclass(frozen=True)
class ModelSummary:
    """One row of the closing table.

    Attributes:
        name: base, sft, grpo or reference; ``title`` is for people.
        tuned: the sessions again, with a threshold chosen on validation sessions.
        grounding, format: shares of sound and of well-formed rationales; None for a model that writes none.
    """

    name: str
    title: str
    template: ClassMetrics
    session: ClassMetrics
    tuned: ClassMetrics
    grounding: float | None
    format: float | None


@dataclass(frozen=True)
class Summary:
    """All of it.

    Attributes:
        side: ``test``; or ``validation`` where the split has no test share.
        templates, positives: tested templates, and how many are abnormal. ``sessions``, ``abnormal_sessions`` alike.
        models: in the order base, sft, grpo, reference.
        examples: a few verdicts of the final model.
        plots: the folder with the PNGs; ``report`` is the page to open.
        registered: name, version and alias; None before `register` has run.
    """

    side: str
    templates: int
    positives: int
    sessions: int
    abnormal_sessions: int
    models: tuple[ModelSummary, ...]
    examples: tuple[Prediction, ...]
    plots: Path
    report: Path
    registered: Mapping[str, str] | None


def read_summary(outputs: Path) -> Summary:
    """Read the summary of a run from the folder that holds the steps' output folders.

    Raises:
        ArtifactError: `evaluate` has not finished there, or its folder doesn't hold what its manifest says.
    """
    folder = outputs / "evaluate"
    artifacts.read(folder, "evaluate")
    metrics: dict[str, float] = json.loads((folder / METRICS).read_bytes())
    first = next((row for _, row in read_objects(folder / PREDICTIONS)), {"split": "test"})
    return Summary(
        side=str(first["split"]),
        templates=int(metrics.get("template/rows", 0)),
        positives=int(metrics.get("template/positives", 0)),
        sessions=int(metrics.get("session/rows", 0)),
        abnormal_sessions=int(metrics.get("session/positives", 0)),
        models=tuple(_model(metrics, name) for name in MODELS),
        examples=tuple(read_rows(folder / EXAMPLES, Prediction)),
        plots=folder,
        report=folder / REPORT,
        registered=_registered(outputs / "register"),
    )


def _model(metrics: Mapping[str, float], name: str) -> ModelSummary:
    prefix = "" if name == FINAL else f"{name}/"
    return ModelSummary(
        name,
        TITLES[name],
        _class_metrics(metrics, f"{prefix}template/abnormal/"),
        _class_metrics(metrics, f"{prefix}session/abnormal/"),
        _class_metrics(metrics, f"{prefix}session_tuned/abnormal/"),
        metrics.get(f"{prefix}grounding/rate"),
        metrics.get(f"{prefix}format/rate"),
    )


def _class_metrics(metrics: Mapping[str, float], prefix: str) -> ClassMetrics:
    f1, precision, recall, ap = (metrics.get(prefix + name) for name in ("f1", "precision", "recall", "ap"))
    low, high = metrics.get(f"{prefix}f1/low"), metrics.get(f"{prefix}f1/high")
    return ClassMetrics(f1, precision, recall, ap, None if low is None or high is None else (low, high))


def _registered(folder: Path) -> Mapping[str, str] | None:
    try:
        artifacts.read(folder, "register")
    except ArtifactError:
        return None
    document: dict[str, str] = json.loads((folder / REGISTERED).read_bytes())
    return {key: str(document[key]) for key in ("name", "version", "alias")}
