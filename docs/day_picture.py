"""Draw a watched day as SVG, for docs/day.md: what truly happened on it, what was raised, and the incidents.

python -m benchmarks.day --json day.json
python docs/day_picture.py day.json docs/images/day.svg
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_INK, _GRID, _TRUE, _RAISED, _INCIDENT = "#2b2f36", "#d9dce1", "#61afef", "#be5046", "#7a8290"
_HOUR, _DAY_HOURS = 3600.0, 24
_SHORTEST = 0.06  # Hours: a bar of which is still seen.


def draw(day: dict[str, Any], target: Path) -> None:
    """Draw the document that `benchmarks.day.as_document` made; equal documents give equal files."""
    kinds = list(dict.fromkeys(one["kind"] for one in sorted(day["episodes"], key=lambda one: one["kind"])))
    start = min(one["start"] for one in day["episodes"]) // (_DAY_HOURS * _HOUR) * _DAY_HOURS * _HOUR
    picture = Figure(figsize=(10, 6.2), layout="constrained")
    FigureCanvasAgg(picture)
    lines, rows, incidents = picture.subplots(3, 1, sharex=True, height_ratios=[1, 4.5, 1.6])
    lines.bar([hour + 0.5 for hour in range(_DAY_HOURS)], day["lines"], width=0.92, color=_GRID)
    lines.set_ylabel("lines an hour", fontsize=8)
    _episodes(rows, day, kinds, start)
    _incidents(incidents, day, start)
    for axes in (lines, rows, incidents):
        axes.tick_params(labelsize=8, colors=_INK)
        axes.spines[["top", "right"]].set_visible(False)
    incidents.set_xlim(0, _DAY_HOURS)
    incidents.set_xticks(range(0, _DAY_HOURS + 1, 2))
    incidents.set_xlabel("hour of the day", fontsize=8)
    # Equal days give equal files: ids and dates would differ.
    with mpl.rc_context({"svg.hashsalt": "day", "svg.fonttype": "none", "font.family": "sans-serif"}):
        picture.savefig(target, format="svg", metadata={"Date": None})


def _episodes(axes: Axes, day: dict[str, Any], kinds: list[str], start: float) -> None:
    """A row for each kind: true episodes as bars, what was raised of that kind as marks."""
    places = {kind: len(kinds) - 1 - place for place, kind in enumerate(kinds)}
    others = sorted({one["kind"] for one in day["alerts"]} - {"line"} - set(kinds))
    places |= {kind: -1 - place for place, kind in enumerate(others)}
    for one in day["episodes"]:
        length = max(_SHORTEST, (one["end"] - one["start"]) / _HOUR)
        axes.barh(places[one["kind"]], length, left=(one["start"] - start) / _HOUR, height=0.7, color=_TRUE)
    for one in day["alerts"]:
        place = places["fault" if one["kind"] == "line" else one["kind"]]
        axes.plot((one["time"] - start) / _HOUR, place, marker="|", markersize=9, color=_RAISED)
    axes.set_yticks(list(places.values()), [kind.replace("_", " ") for kind in places])
    axes.grid(axis="x", color=_GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_title("what happens (bars), and what is raised (marks)", fontsize=9, loc="left", color=_INK)


def _incidents(axes: Axes, day: dict[str, Any], start: float) -> None:
    """Incidents from their first alert to their last, on as few rows as they fit on."""
    ends: list[float] = []
    for one in sorted(day["incidents"], key=lambda one: one["opened"]):
        left = (one["opened"] - start) / _HOUR
        length = max(_SHORTEST, (one["updated"] - one["opened"]) / _HOUR)
        row = next((place for place, end in enumerate(ends) if end < left), len(ends))
        ends[row : row + 1] = [left + length]
        axes.barh(-row, length, left=left, height=0.7, color=_INCIDENT)
    axes.set_yticks([])
    title = f"incidents: {len(day['incidents'])}, {day['false_incidents']} of them false"
    axes.set_title(title, fontsize=9, loc="left", color=_INK)


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    draw(json.loads(source.read_text(encoding="utf-8")), target)
