"""Plots: precision against recall, and rewards over GRPO's steps, each as PNG and as CSV for DVC.

Equal inputs give byte-equal files: no time stamp, no version of the drawing library in the metadata.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rationanomaly.evaluate.metrics import Judged, pr_curve
from rationanomaly.evaluate.predictions import SystemAnswers
from rationanomaly.evaluate.systems import FINAL, TITLES
from rationanomaly.records import read_objects
from rationanomaly.text.untrusted import for_csv

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PR_CURVE, REWARD_CURVES = "pr_curve", "reward_curves"
#: Colour, line and width: rules grey, classifiers blue, models warm and the final one black; they differ in print too.
_STYLES: Mapping[str, tuple[str, str, float]] = {
    "keyword": ("#9a9a9a", ":", 1.4),
    "teacher_rule": ("#6a6a6a", "--", 1.4),
    "labeller": ("#1f77b4", "--", 1.4),
    "reference": ("#1f77b4", "-", 1.4),
    "base": ("#e0a030", ":", 1.6),
    "sft": ("#d95f02", "--", 1.6),
    "grpo": ("#111111", "-", 2.2),
}
_DIRECT = ("#111111", ":", 1.4)
#: A curve of so few points is a rule's: its points are marked, for only they can be had.
_FEW_POINTS = 12
_SMOOTHING = 5


def draw_precision_recall(systems: Sequence[SystemAnswers], folder: Path) -> None:
    """``pr_curve.png`` with all systems; ``pr_curve.csv`` of the final model, ``pr_curve_SYSTEM.csv`` of the others.

    A model's curve is that of its reasoned verdicts, on the rows that have one; the final model's direct verdicts are
    in ``pr_curve_direct.csv``.
    """
    drawing, axes = _canvas("recall", "precision")
    for system in systems:
        judged, title = system.judged([0] * len(system.predictions)), TITLES[system.name]
        if len(judged.truth) < len(system.predictions):
            title += f" ({len(judged.truth)} rows)"
        name = PR_CURVE if system.name == FINAL else f"{PR_CURVE}_{system.name}"
        _draw_curve(axes, judged, title, _STYLES[system.name], folder / f"{name}.csv")
        if system.name == FINAL:
            directly = system.judged_directly([0] * len(system.predictions))
            _draw_curve(axes, directly, f"{title}, direct", _DIRECT, folder / f"{PR_CURVE}_direct.csv")
    axes.set(xlim=(0, 1.01), ylim=(0, 1.03), title="Held-out templates")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    _save(drawing, folder / f"{PR_CURVE}.png")


def _draw_curve(axes: Axes, judged: Judged, title: str, style: tuple[str, str, float], table: Path) -> None:
    truth, _, scores = judged.arrays
    points = pr_curve(truth["abnormal"], scores)
    _write_csv(table, ("recall", "precision", "threshold"), [(r, p, t) for t, p, r in points])
    # A step, not a line: between two thresholds there is no model with a precision in between.
    steps = [(0.0, points[0][1]), *((r, p) for _, p, r in points)] if points else []
    colour, line, width = style
    axes.step([r for r, _ in steps], [p for _, p in steps], linestyle=line, color=colour, linewidth=width, where="pre",
              label=title, marker="o" if len(points) < _FEW_POINTS else None, markersize=4)  # fmt: skip


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
