"""Which curves the report shows, and of which systems."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from rationanomaly.evaluate.calibration import Bin, calibration_curve
from rationanomaly.evaluate.metrics import Judged, pr_curve
from rationanomaly.evaluate.plots import FEW_POINTS, REWARD_CURVES, smooth
from rationanomaly.evaluate.predictions import SystemAnswers
from rationanomaly.evaluate.report_charts import DISTINCT, Axis, Line, chart
from rationanomaly.evaluate.report_files import Evaluation, system_answers, title_of
from rationanomaly.evaluate.roc import roc_curve
from rationanomaly.evaluate.systems import REFERENCE, RULES, prefix
from rationanomaly.text.untrusted import from_csv

_AP = "template/abnormal/ap"
_LEFT_TO_RIGHT = (0.0, 1.0)


@dataclass(frozen=True)
class Figure:
    """A drawing with its title and what it means in one sentence."""

    title: str
    caption: str
    drawing: Markup


def drawings(evaluation: Evaluation, folder: Path) -> dict[str, Figure]:
    """The figures by name: ``pr``, ``roc``, ``calibration``, ``rewards``; those that there are data for.

    Args:
        folder: the evaluate folder, with reward_curves.csv.
    """
    found = {}
    systems = _drawn(evaluation, system_answers(evaluation))
    for name, title, caption, make, axes in (
        (
            "pr",
            "Precision and recall",
            "A rule has few thresholds: its points are marked.",
            _pr,
            ("recall", "precision"),
        ),
        ("roc", "ROC", "On the dotted line lies what tells nothing.", _roc, ("false positive rate", "recall")),
    ):
        lines = [line for one in systems for line in make(*one)]
        if any(line.points for line in lines):
            x, y = map(Axis, axes)
            found[name] = Figure(title, caption, chart(title, x, y, lines, diagonal=name == "roc"))
    if bins := calibration_bins(evaluation):
        found["calibration"] = _calibration(bins, title_of(evaluation.final))
    if rewards := _rewards(folder / f"{REWARD_CURVES}.csv"):
        found["rewards"] = rewards
    return found


def calibration_bins(evaluation: Evaluation) -> list[Bin]:
    """Of the final model's scores of the tested templates."""
    final = [one for one in system_answers(evaluation) if one.name == evaluation.final]
    if not final:
        return []
    truth, _, scores = final[0].judged([0] * len(final[0].predictions)).arrays
    return calibration_curve(truth["abnormal"], scores)


def _drawn(evaluation: Evaluation, systems: Sequence[SystemAnswers]) -> list[tuple[str, str, Judged]]:
    """(title, kind, what it says): thin lines first, then those of a style of their own, the final model last."""
    others = [one for one in systems if one.name != evaluation.final]
    distinct = _distinct([one.name for one in others], evaluation)
    numbers = {one.name: number for number, one in enumerate((one for one in others if one.name in distinct), start=1)}
    thin = [(title_of(one.name), "other", _judged(one)) for one in others if one.name not in numbers]
    bold = [(title_of(one.name), str(numbers[one.name]), _judged(one)) for one in others if one.name in numbers]
    mine = [one for one in systems if one.name == evaluation.final]
    found = [*thin, *reversed(bold)]
    for one in mine:
        if any(prediction.direct_score is not None for prediction in one.predictions) and one.reasoned:
            directly = one.judged_directly([0] * len(one.predictions))
            found.append((f"{title_of(one.name)}, direct", "direct", directly))
        found.append((title_of(one.name), "final", _judged(one)))
    return found


def _distinct(names: Sequence[str], evaluation: Evaluation) -> set[str]:
    """Those with a style of their own: the reference, SFT, the best rule, and the best of the others."""
    order = sorted(names, key=lambda name: -evaluation.metrics.get(prefix(name) + _AP, 0.0))
    rules = [name for name in order if name in RULES]
    first = [name for name in (REFERENCE, "sft", *rules[:1]) if name in names]
    return set([*first, *(name for name in order if name not in first)][:DISTINCT])


def _judged(system: SystemAnswers) -> Judged:
    return system.judged([0] * len(system.predictions))


def _pr(title: str, kind: str, judged: Judged) -> list[Line]:
    truth, _, scores = judged.arrays
    points = [(recall, precision) for _, precision, recall in pr_curve(truth["abnormal"], scores)]
    if not points:
        return []
    return [Line(title, kind, [(0.0, points[0][1]), *points], step=True, marked=len(points) < FEW_POINTS)]


def _roc(title: str, kind: str, judged: Judged) -> list[Line]:
    truth, _, scores = judged.arrays
    points = [(false, true) for _, false, true in roc_curve(truth["abnormal"], scores)]
    return [Line(title, kind, [(0.0, 0.0), *points], marked=len(points) < FEW_POINTS)] if points else []


def _calibration(bins: Sequence[Bin], title: str) -> Figure:
    line = Line(title, "final", [(one.score, one.share) for one in bins], marked=True)
    x, y = Axis("mean score of the bin"), Axis("share truly abnormal")
    caption = "A calibrated score lies on the dotted line. Each point stands for about as many templates."
    return Figure("Calibration", caption, chart("Calibration", x, y, [line], diagonal=True))


def _rewards(path: Path) -> Figure | None:
    """Of the table that `plots.draw_rewards` wrote."""
    if not path.is_file():
        return None
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    names = [from_csv(name) for name in header]
    shown = [name for name in names if name == "reward" or name.startswith("terms/")]
    series = {
        name: [(float(row[0]), float(row[place])) for row in rows if row[place]]
        for place, name in enumerate(names)
        if name in shown
    }
    if not any(series.values()):
        return None
    values = [y for points in series.values() for _, y in points]
    steps = [x for points in series.values() for x, _ in points]
    lines = [_reward_line(name, points, number) for number, (name, points) in enumerate(series.items())]
    y_axis = Axis("mean reward", min(0.0, *values), max(1.0, *values))
    drawing = chart("Rewards", Axis("GRPO step", min(steps), max(steps)), y_axis, list(reversed(lines)))
    return Figure("Rewards over GRPO's steps", "Before weighting; each a mean over five steps.", drawing)


def _reward_line(name: str, points: Sequence[tuple[float, float]], number: int) -> Line:
    smoothed = smooth([y for _, y in points])
    kind = "final" if name == "reward" else str(number) if number <= DISTINCT else "other"
    return Line(name.removeprefix("terms/"), kind, [(x, y) for (x, _), y in zip(points, smoothed, strict=True)])
