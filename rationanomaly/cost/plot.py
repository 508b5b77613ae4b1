"""The latency question as a picture: how long a template waits against how many verdicts come a second."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rationanomaly.cost.ways import Way

#: Colour, line and mark by place of the way; they differ in print too.
_STYLES = (("#111111", "-", "o"), ("#d95f02", "--", "s"), ("#1f77b4", "-.", "^"))


class Point(NamedTuple):
    """A batch size: templates that are asked together, verdicts a second, seconds until they come (`spread.Spread`)."""

    size: int
    per_second: Mapping[str, float]
    seconds: Mapping[str, float]


def curves(record: Mapping[str, Any]) -> dict[str, list[Point]]:
    """Of each batch size, by way."""
    found: dict[str, list[Point]] = {}
    for one in record["batches"]:
        found.setdefault(Way(**one["way"]).title, []).append(Point(one["size"], one["per_second"], one["seconds"]))
    return found


def draw(record: Mapping[str, Any], path: Path) -> None:
    """Write the picture as PNG; equal records give equal files."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Not pyplot: it keeps state for the whole process and looks for a display.
    drawing = Figure(figsize=(7.6, 4.2), dpi=110, layout="constrained")
    FigureCanvasAgg(drawing)
    axes = drawing.add_subplot()
    for place, (title, points) in enumerate(curves(record).items()):
        colour, line, mark = _STYLES[place % len(_STYLES)]
        rate, wait = [point.per_second for point in points], [point.seconds for point in points]
        axes.errorbar(
            [one["median"] for one in rate], [one["median"] for one in wait], xerr=_ends(rate), yerr=_ends(wait),
            color=colour, linestyle=line, marker=mark, markersize=5, capsize=2, elinewidth=0.8, label=title,
        )  # fmt: skip
        for point in points:
            at = (point.per_second["median"], point.seconds["median"])
            axes.annotate(str(point.size), at, xytext=(-9, 5), textcoords="offset points", fontsize=8)
    axes.set(xscale="log", yscale="log", xlabel="verdicts a second", ylabel="seconds until the verdicts come",
             title="A verdict for each new template; at the marks, how many are asked together")  # fmt: skip
    axes.grid(alpha=0.3, which="both")
    axes.legend(loc="best")
    drawing.savefig(path, metadata={"Software": None})


def _ends(found: list[Mapping[str, float]]) -> list[list[float]]:
    """How far least and greatest lie from the median."""
    return [[one["median"] - one["low"] for one in found], [one["high"] - one["median"] for one in found]]
