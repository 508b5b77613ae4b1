"""Plots, each as PNG and as CSV for DVC: precision and recall, ROC, calibration, rewards; and answers by truth.

Equal inputs give byte-equal files: no time stamp, no version of the drawing library in the metadata.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rationanomaly.evaluate.calibration import calibration_curve
from rationanomaly.evaluate.metrics import Judged, pr_curve
from rationanomaly.evaluate.predictions import SystemAnswers
from rationanomaly.evaluate.roc import roc_curve
from rationanomaly.evaluate.systems import FINAL, TITLES
from rationanomaly.records import read_objects
from rationanomaly.text.untrusted import for_csv

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_Style = tuple[str, str, float]

PR_CURVE, ROC_CURVE, REWARD_CURVES = "pr_curve", "roc_curve", "reward_curves"
CALIBRATION, CONFUSION = "calibration", "confusion"
#: Colour, line and width: rules grey, classifiers blue, models warm and the final one black; they differ in print too.
_STYLES: Mapping[str, _Style] = {
    "keyword": ("#9a9a9a", ":", 1.4),
    "teacher_rule": ("#6a6a6a", "--", 1.4),
    "labeller": ("#1f77b4", "--", 1.4),
    "reference": ("#1f77b4", "-", 1.4),
    "base": ("#e0a030", ":", 1.6),
    "sft": ("#d95f02", "--", 1.6),
    "grpo": ("#111111", "-", 2.2),
}
_DIRECT = ("#111111", ":", 1.4)
#: Of systems without a style of their own, in turn.
_OTHERS = ("#009e73", "#cc79a7", "#56b4e9", "#8c6d31", "#7b5ea7", "#b0b0b0")
_LINES = ("-", "--", "-.", ":")
#: A curve of so few points is a rule's: its points are marked, for only they can be had.
FEW_POINTS = 12
_SMOOTHING = 5


def draw_precision_recall(systems: Sequence[SystemAnswers], folder: Path) -> None:
    """``pr_curve.png`` with all systems; ``pr_curve.csv`` of the final model, ``pr_curve_SYSTEM.csv`` of the others.

    A model's curve is that of its reasoned verdicts, on the rows that have one; the final model's direct verdicts are
    in ``pr_curve_direct.csv``.
    """
    drawing, axes = _canvas("recall", "precision")
    for name, title, style, judged in _curves(systems):
        truth, _, scores = judged.arrays
        points = pr_curve(truth["abnormal"], scores)
        rows = [(recall, precision, threshold) for threshold, precision, recall in points]
        _write_csv(folder / f"{PR_CURVE}{name}.csv", ("recall", "precision", "threshold"), rows)
        # A step, not a line: between two thresholds there is no model with a precision in between.
        steps = [(0.0, points[0][1]), *((r, p) for _, p, r in points)] if points else []
        _draw(axes, steps, title, style, len(points) < FEW_POINTS, drawstyle="steps-pre")
    _finish(drawing, axes, "Held-out templates", folder / f"{PR_CURVE}.png")


def draw_roc(systems: Sequence[SystemAnswers], folder: Path) -> None:
    """``roc_curve.png`` with all systems; ``roc_curve.csv`` and ``roc_curve_SYSTEM.csv``, as for precision."""
    drawing, axes = _canvas("false positive rate", "recall")
    for name, title, style, judged in _curves(systems):
        truth, _, scores = judged.arrays
        points = roc_curve(truth["abnormal"], scores)
        rows = [(false, true, threshold) for threshold, false, true in points]
        _write_csv(folder / f"{ROC_CURVE}{name}.csv", ("false_positive_rate", "recall", "threshold"), rows)
        line = [(0.0, 0.0), *((false, true) for false, true, _ in rows)] if rows else []
        _draw(axes, line, title, style, len(points) < FEW_POINTS)
    axes.plot([0, 1], [0, 1], linestyle=":", color="#b0b0b0", linewidth=1)
    _finish(drawing, axes, "Held-out templates", folder / f"{ROC_CURVE}.png")


def draw_calibration(systems: Sequence[SystemAnswers], folder: Path) -> None:
    """``calibration.png`` and ``calibration.csv``: of the final model's scores, how often they are right."""
    final = next(system for system in systems if system.name == FINAL)
    truth, _, scores = final.judged([0] * len(final.predictions)).arrays
    bins = calibration_curve(truth["abnormal"], scores)
    table = [(one.score, one.share, one.rows, one.low, one.high) for one in bins]
    _write_csv(folder / f"{CALIBRATION}.csv", ("score", "share_abnormal", "rows", "low", "high"), table)
    drawing, axes = _canvas("mean score of the bin", "share truly abnormal")
    axes.plot([0, 1], [0, 1], linestyle=":", color="#b0b0b0", linewidth=1, label="calibrated")
    _draw(axes, [(one.score, one.share) for one in bins], TITLES[FINAL], _STYLES[FINAL], marked=True)
    _finish(drawing, axes, "Scores of held-out templates", folder / f"{CALIBRATION}.png")


def write_confusion(systems: Sequence[SystemAnswers], folder: Path) -> None:
    """``confusion.csv``: truth and answer of the final model on each template, as DVC's confusion plot counts them."""
    final = next(system for system in systems if system.name == FINAL)
    rows = [(prediction.truth, prediction.answer) for prediction in final.predictions]
    _write_csv(folder / f"{CONFUSION}.csv", ("truth", "answer"), rows)


def _curves(systems: Sequence[SystemAnswers]) -> Iterator[tuple[str, str, _Style, Judged]]:
    """(end of the file's name, title, style, what it says) of each system, and of the final model directly."""
    others = [system.name for system in systems if system.name not in _STYLES]
    for system in systems:
        judged, title = system.judged([0] * len(system.predictions)), TITLES.get(system.name, system.name)
        if len(judged.truth) < len(system.predictions):
            title += f" ({len(judged.truth)} rows)"
        end = "" if system.name == FINAL else f"_{system.name}"
        yield end, title, _style(system.name, others), judged
        if system.name == FINAL:
            yield "_direct", f"{title}, direct", _DIRECT, system.judged_directly([0] * len(system.predictions))


def _style(name: str, others: Sequence[str]) -> _Style:
    if name in _STYLES:
        return _STYLES[name]
    place = others.index(name)
    return _OTHERS[place % len(_OTHERS)], _LINES[place // len(_OTHERS) % len(_LINES)], 1.2


def _draw(
    axes: Axes,
    points: Sequence[tuple[float, float]],
    title: str,
    style: _Style,
    marked: bool,
    drawstyle: str = "default",
) -> None:
    colour, line, width = style
    axes.plot([x for x, _ in points], [y for _, y in points], linestyle=line, color=colour, linewidth=width,
              label=title, marker="o" if marked else None, markersize=4, drawstyle=drawstyle)  # fmt: skip


def _finish(drawing: Figure, axes: Axes, title: str, path: Path) -> None:
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.03), title=title)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    _save(drawing, path)


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
        axes.plot([x for x, _ in points], smooth([y for _, y in points]), label=name.removeprefix("terms/"))
    axes.set_title("Reward and its terms, before weighting")
    if rows:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    _save(drawing, folder / f"{REWARD_CURVES}.png")


def _series(rows: Sequence[Mapping[str, float]], name: str) -> list[tuple[float, float]]:
    return [(float(row["step"]), float(row[name])) for row in rows if name in row]


def smooth(values: Sequence[float]) -> list[float]:
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
        writer.writerows([for_csv(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
