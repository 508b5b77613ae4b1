"""What a pipeline run has come to, as data; `summary_table` shows it in a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rationanomaly import artifacts
from rationanomaly.evaluate.examples import EXAMPLES
from rationanomaly.evaluate.generated_texts import RATES
from rationanomaly.evaluate.predictions import Prediction
from rationanomaly.evaluate.ranking import remarks
from rationanomaly.evaluate.report import REPORT
from rationanomaly.evaluate.systems import SYSTEMS, TITLES, prefix
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
class SystemSummary:
    """One row of the closing tables.

    Attributes:
        name: one of `systems.SYSTEMS`; ``title`` is for people.
        rows: templates that ``template`` counts: of a model that writes, those with an analysis.
        direct: a model's verdicts without an analysis, on all templates; nothing of rules and classifiers.
        tuned: the sessions again, with a threshold chosen on validation sessions.
        texts: by metric such as ``agreement/rate``, what the generated texts are like; empty for what writes none.
    """

    name: str
    title: str
    rows: int
    template: ClassMetrics
    direct: ClassMetrics
    session: ClassMetrics
    tuned: ClassMetrics
    texts: Mapping[str, float]


@dataclass(frozen=True)
class Summary:
    """All of it.

    Attributes:
        side: ``test``; or ``validation`` where the split has no test share.
        templates, positives: tested templates, and how many are abnormal. ``sessions``, ``abnormal_sessions`` alike.
        systems: in the order of `systems.SYSTEMS`.
        remarks: where something simpler is better than the final model, that it is.
        examples: a few verdicts of the final model.
        plots: the folder with the PNGs; ``report`` is the page to open.
        registered: name, version and alias; None before `register` has run.
    """

    side: str
    templates: int
    positives: int
    sessions: int
    abnormal_sessions: int
    systems: tuple[SystemSummary, ...]
    remarks: tuple[str, ...]
    examples: tuple[Prediction, ...]
    plots: Path
    report: Path
    registered: Mapping[str, str] | None


def read_summary(outputs: Path) -> Summary:
    """Read the summary of a run from the folder that holds the steps' output folders.

    Raises:
        ArtifactError: `evaluate` has not finished there, or its folder or that of `register` doesn't hold what its
            manifest says.
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
        systems=tuple(_system(metrics, name) for name in SYSTEMS if f"{prefix(name)}template/rows" in metrics),
        remarks=remarks(metrics),
        examples=tuple(read_rows(folder / EXAMPLES, Prediction)),
        plots=folder,
        report=folder / REPORT,
        registered=_registered(outputs / "register"),
    )


def _system(metrics: Mapping[str, float], name: str) -> SystemSummary:
    mine = prefix(name)
    return SystemSummary(
        name,
        TITLES[name],
        int(metrics.get(f"{mine}template/rows", 0)),
        _class_metrics(metrics, f"{mine}template/abnormal/"),
        _class_metrics(metrics, f"{mine}direct/template/abnormal/"),
        _class_metrics(metrics, f"{mine}session/abnormal/"),
        _class_metrics(metrics, f"{mine}session_tuned/abnormal/"),
        {key: metrics[mine + key] for key in RATES if mine + key in metrics},
    )


def _class_metrics(metrics: Mapping[str, float], prefix: str) -> ClassMetrics:
    f1, precision, recall, ap = (metrics.get(prefix + name) for name in ("f1", "precision", "recall", "ap"))
    low, high = metrics.get(f"{prefix}f1/low"), metrics.get(f"{prefix}f1/high")
    return ClassMetrics(f1, precision, recall, ap, None if low is None or high is None else (low, high))


def _registered(folder: Path) -> Mapping[str, str] | None:
    if not folder.exists():
        return None
    artifacts.read(folder, "register")
    document: dict[str, str] = json.loads((folder / REGISTERED).read_bytes())
    return {key: str(document[key]) for key in ("name", "version", "alias")}
