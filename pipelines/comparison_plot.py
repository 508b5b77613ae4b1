"""plot.png of an experiment: bars by variant, a curve over labels, sensitivity by weight, student against teacher.

Equal figures give equal bytes: no time and no version of the drawing library in the metadata.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.comparison import TITLES, origin_of_intervals
from rationanomaly.artifacts import writing_file
from rationanomaly.text.untrusted import for_terminal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Colour-blind safe, and told apart by marker as well.
_STYLES = (("#0072b2", "o"), ("#d55e00", "s"), ("#009e73", "^"))
_FULL = "#111111"


def draw(document: Mapping[str, Any], picture: str, path: Path) -> None:
    """Draw an experiment.json.

    Args:
        document: what it holds.
        picture: ``bars``, ``curve``, ``ceiling`` or ``sensitivity``.
        path: of the PNG.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = [row for row in document["variants"] if row["figures"]]
    names = [name for name in ("f1", "roc_auc", "ap") if any(name in row["figures"] for row in rows)][:2] or ["f1"]
    lines = {"bars": len(rows), "sensitivity": len(_terms(rows))}.get(picture)
    height = 4.2 if lines is None else max(3.0, 1.1 + 0.32 * lines)
    drawing = Figure(figsize=(9.2, height), dpi=110, layout="constrained")
    FigureCanvasAgg(drawing)
    if picture == "ceiling":
        _ceiling(drawing.add_subplot(), rows)
    else:
        every = drawing.subplots(1, len(names), sharey=picture != "curve", squeeze=False)[0]
        draw_one = {"bars": _bars, "curve": _curve, "sensitivity": _sensitivity}[picture]
        for axes, name in zip(every, names, strict=True):
            draw_one(axes, rows, name)
        if picture == "sensitivity":
            every[-1].legend(*_legend(every), loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    drawing.suptitle(f"{document['title']} ({document['profile']})")
    drawing.supxlabel(f"95 % intervals: {origin_of_intervals(document['seeds'])}", fontsize=8, color="#555555")
    with writing_file(path) as partial:
        drawing.savefig(partial, format="png", metadata={"Software": None})


def _bars(axes: Axes, rows: Sequence[Mapping[str, Any]], name: str) -> None:
    found = [(place, row["figures"][name]) for place, row in enumerate(rows) if name in row["figures"]]
    colours = [_FULL if place == 0 else _STYLES[0][0] for place, _ in found]
    means = [one["mean"] for _, one in found]
    axes.barh([place for place, _ in found], means, color=colours, alpha=0.85, height=0.65)
    axes.errorbar(means, [place for place, _ in found], xerr=_errors([one for _, one in found]), fmt="none",
                  ecolor="#777777", capsize=3)  # fmt: skip
    axes.set_yticks(range(len(rows)), [for_terminal(row["title"])[:60] for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set(xlabel=TITLES[name], xlim=(0, 1))
    axes.grid(axis="x", alpha=0.3)


def _curve(axes: Axes, rows: Sequence[Mapping[str, Any]], name: str) -> None:
    series = list(dict.fromkeys(row["series"] for row in rows if row["x"] is not None))
    for title, (colour, marker) in zip(series, _STYLES, strict=False):
        points = [(row["x"], row["figures"][name]) for row in rows if row["series"] == title and name in row["figures"]]
        axes.errorbar([x for x, _ in points], [one["mean"] for _, one in points], yerr=_errors([y for _, y in points]),
                      color=colour, marker=marker, capsize=3, label=title)  # fmt: skip
    whole = next((row for row in rows if row["x"] is None and name in row["figures"]), None)
    if whole is not None:
        axes.axhline(whole["figures"][name]["mean"], color=_FULL, linestyle="--", label=whole["title"])
    ticks = sorted({row["x"] for row in rows if row["x"] is not None})
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set(xlabel="labels per class", ylabel=TITLES[name], ylim=(0, 1.02))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")


#: Factor of a weight → how it is drawn.
_CHANGES: Sequence[tuple[str, Callable[[float | None], bool]]] = (
    ("weight halved", lambda factor: factor is not None and factor < 1),
    ("weight doubled", lambda factor: factor is not None and factor > 1),
    ("switched on", lambda factor: factor is None),
)


def _terms(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(row["series"] for row in rows if row["series"]))


def _sensitivity(axes: Axes, rows: Sequence[Mapping[str, Any]], name: str) -> None:
    """A line for each weight: what half of it gives and what twice as much; upright what the profile's gives."""
    terms, full = _terms(rows), next((row["figures"].get(name) for row in rows if not row["series"]), None)
    if full is not None:
        axes.axvline(full["mean"], color=_FULL, linestyle="--", linewidth=1, label="as in the profile")
        axes.axvspan(*_ends(full), color=_FULL, alpha=0.07, linewidth=0)
    for number, (title, belongs) in enumerate(_CHANGES):
        found = [row for row in rows if row["series"] and belongs(row["x"]) and name in row["figures"]]
        means = [row["figures"][name]["mean"] for row in found]
        places = [terms.index(row["series"]) + 0.18 * (number - 0.5) for row in found]
        colour, marker = _STYLES[number]
        if found:
            errors = _errors([row["figures"][name] for row in found])
            axes.errorbar(means, places, xerr=errors, fmt=marker, color=colour, elinewidth=1, markersize=5, label=title)
    axes.set_yticks(range(len(terms)), [for_terminal(term)[:60] for term in terms])
    axes.set_ylim(max(len(terms), 1) - 0.5, -0.5)
    axes.set(xlabel=TITLES[name], xlim=(0, 1))
    axes.grid(axis="x", alpha=0.3)


def _legend(every: Sequence[Axes]) -> tuple[list[Any], list[str]]:
    """Each title once, whichever of the axes has it."""
    found = {title: handle for axes in every for handle, title in zip(*axes.get_legend_handles_labels(), strict=True)}
    return list(found.values()), list(found)


def _ceiling(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    points = [row for row in rows if {"f1", "teacher_f1"} <= row["figures"].keys()]
    axes.plot([0, 1], [0, 1], color="#777777", linestyle=":", label="as good as the teacher")
    for place, row in enumerate(points):
        student, teacher = row["figures"]["f1"], row["figures"]["teacher_f1"]
        axes.errorbar(teacher["mean"], student["mean"], yerr=_errors([student]), color=_FULL if place == 0 else
                      _STYLES[0][0], marker="o", capsize=3)  # fmt: skip
        axes.annotate(row["name"], (teacher["mean"], student["mean"]), xytext=(6, 4), textcoords="offset points")
    axes.set(xlabel="F1 of the teacher's labels", ylabel="F1 of the student, on held-out templates", xlim=(0, 1.05),
             ylim=(0, 1.02))  # fmt: skip
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")


def _errors(found: Sequence[Mapping[str, Any]]) -> list[list[float]]:
    """Lengths of the error bars, downwards and upwards; 0 where there is no interval."""
    ends = [_ends(one) for one in found]
    down = [max(0.0, one["mean"] - low) for one, (low, _) in zip(found, ends, strict=True)]
    up = [max(0.0, high - one["mean"]) for one, (_, high) in zip(found, ends, strict=True)]
    return [down, up]


def _ends(found: Mapping[str, Any]) -> tuple[float, float]:
    return (found["mean"], found["mean"]) if found["low"] is None else (found["low"], found["high"])
