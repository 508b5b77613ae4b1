"""Plots: precision against recall, and rewards over GRPO's steps, each as PNG and as CSV for DVC.

Equal inputs give byte-equal files: no time stamp, no version of the drawing library in the metadata.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rationanomaly.evaluate.judging import FINAL, TITLES, ModelAnswers
from rationanomaly.evaluate.metrics import pr_curve
from rationanomaly.records import read_objects
from rationanomaly.text.untrusted import for_csv

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PR_CURVE, REWARD_CURVES = "pr_curve", "reward_curves"
_STYLES = {"base": ":", "sft": "--", "grpo": "-", "reference": "-."}
_SMOOTHING = 5


def draw_precision_recall(models: Sequence[ModelAnswers], folder: Path) -> None:
    """``pr_curve.png`` with all models; ``pr_curve.csv`` of the final model, ``pr_curve_MODEL.csv`` of the others."""
    drawing, axes = _canvas("recall", "precision")
    for model in models:
        truth = np.array([p.truth == "abnormal" for p in model.predictions], dtype=np.bool_)
        points = pr_curve(truth, np.array([p.score for p in model.predictions], dtype=np.float64))
        name = PR_CURVE if model.name == FINAL else f"{PR_CURVE}_{model.name}"
        _write_csv(folder / f"{name}.csv", ("recall", "precision", "threshold"), [(r, p, t) for t, p, r in points])
        # A step, not a line: between two thresholds there is no model with a precision in between.
        steps = [(0.0, points[0][1]), *((r, p) for _, p, r in points)] if points else []
        axes.step(
            [r for r, _ in steps], [p for _, p in steps], _STYLES[model.name], where="pre", label=TITLES[model.name]
        )
    axes.set(xlim=(0, 1.01), ylim=(0, 1.03), title="Held-out templates")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    _save(drawing, folder / f"{PR_CURVE}.png")


def draw_rewards(curves: Path, folder: Path) -> None:
    """``reward_curves.png`` and ``reward_curves.csv``: total reward and each term over the steps of GRPO."""
    rows = [row for _, row in read_objects(curves)] if curves.is_file() else []
    rows = [row for row in rows if "step" in row and "reward" in row]
    terms = sorted({key for row in rows for key in row if key.startswith("terms/") and not key.endswith("_spread")})
    names = ["reward", *terms, *(key for key in ("reward_std", "kl") if any(key in row for row in rows))]
    table = [[row["step"], *(row.get(name, "") for name in names)] for row in rows]
    _write_csv(folder / f"{REWARD_CURVES}.csv", ("step", *names), table)
    drawing, axes = _canvas("GRPO step", f"mean reward (over {_SMOOTHING} steps)")
    for name in ("reward", *terms):
        points = _series(rows, name)
        axes.plot([x for x, _ in points], _smooth([y for _, y in points]), label=name.removeprefix("terms/"))
    axes.set_title("Reward and its terms, before weighting")
    if rows:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    _save(drawing, folder / f"{REWARD_CURVES}.png")


def _series(rows: Sequence[Mapping[str, float]], name: str) -> list[tuple[float, float]]:
    return [(float(row["step"]), float(row[name])) for row in rows if name in row]


def _smooth(values: Sequence[float]) -> list[float]:
    """Mean over the last few steps: single ones depend on their prompts."""
    return [float(np.mean(values[max(0, end - _SMOOTHING) : end])) for end in range(1, len(values) + 1)]


def _canvas(x: str, y: str) -> tuple[Figure, Axes]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Not pyplot: it keeps state for the whole process and looks for a display.
    drawing = Figure(figsize=(7.6, 4.2), dpi=110, layout="constrained")
    FigureCanvasAgg(drawing)
    axes = drawing.add_subplot()
    axes.set(xlabel=x, ylabel=y)
    axes.grid(alpha=0.3)
    return drawing, axes


def _save(drawing: Figure, path: Path) -> None:
    drawing.savefig(path, metadata={"Software": None})


def _write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([for_csv(name) for name in header])
        writer.writerows(rows)
