"""The curves of a training as one page: what Kubeflow shows of `sft` and `grpo` beside their metrics.

    from pathlib import Path
    from rationanomaly.evaluate.curves_page import write_curves_page
    write_curves_page(Path("outputs/laptop/grpo/curves.jsonl"), Path("curves.html"), "grpo")

It is made from curves.jsonl of the step's output, in the style of the report, holds no script, and loads nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from rationanomaly.artifacts import write_text
from rationanomaly.evaluate.plots import smooth
from rationanomaly.evaluate.report import page_environment, page_style, style_policy
from rationanomaly.evaluate.report_charts import DISTINCT, Axis, Line, Points, chart
from rationanomaly.evaluate.report_curves import Figure as Drawing
from rationanomaly.records import read_objects

_LENGTH = "completions/mean_length"
_VALIDATION = "validation/"
_EVERY_STEP = "Each point is a mean over five logged steps."
_NEGLIGIBLE = 0.001
_EVERY_VALIDATION = "Measured on the validation side."


@dataclass(frozen=True)
class _Chart:
    """Which values share a chart.

    Attributes:
        names: of entries of the curves; one that ends in ``/`` stands for all that begin with it.
        first: the value that the chart is about; it is drawn above the others.
        left_out: endings of names that are not drawn.
    """

    title: str
    caption: str
    names: tuple[str, ...]
    first: str
    left_out: tuple[str, ...] = ()


_CHARTS = (
    _Chart("Reward and its terms", f"Before weighting. {_EVERY_STEP}", ("reward", "terms/"), "reward", ("_spread",)),
    _Chart("Validation", _EVERY_VALIDATION, (_VALIDATION,), "validation/f1", ("/loss",)),
    _Chart("Loss", _EVERY_STEP, ("loss", "validation/loss"), "loss"),
    _Chart("KL to the reference model", _EVERY_STEP, ("kl",), "kl"),
    _Chart("Entropy", _EVERY_STEP, ("entropy",), "entropy"),
    _Chart(
        "Spread of rewards",
        f"A group whose rewards are equal teaches nothing. {_EVERY_STEP}",
        ("reward_std", "frac_reward_zero_std"),
        "reward_std",
    ),
    _Chart("Length of completions", f"In tokens. {_EVERY_STEP}", (_LENGTH,), _LENGTH),
    _Chart("Gradient norm", _EVERY_STEP, ("grad_norm",), "grad_norm"),
)


def write_curves_page(curves: Path, target: Path, step: str) -> None:
    """Write the page.

    Args:
        curves: curves.jsonl of a training step's output: one object per logged step or evaluation.
        target: the file to write; it appears whole or not at all.
        step: the step's name.

    Raises:
        InputError: a line of the curves is no JSON object.
    """
    entries = [entry for _, entry in read_objects(curves)]
    page = page_environment().get_template("curves_page.html").render(
        style=page_style(), policy=style_policy(), step=step, drawings=drawings(entries), entries=len(entries),
    )  # fmt: skip
    write_text(target, page)


def drawings(entries: Sequence[Mapping[str, object]]) -> list[Drawing]:
    """The charts that there are values for.

    Args:
        entries: of the curves, in their order; values that are no finite numbers are passed over.
    """
    series: dict[str, list[tuple[float, float]]] = {}
    for number, entry in enumerate(entries):
        step = _number(entry.get("step")) or float(number)
        for name, value in entry.items():
            if (found := _number(value)) is not None and name not in ("step", "epoch"):
                series.setdefault(name, []).append((step, found))
    return [drawing for one in _CHARTS if (drawing := _draw(one, series)) is not None]


def _draw(one: _Chart, series: Mapping[str, Points]) -> Drawing | None:
    shown = {name: points for name, points in series.items() if _belongs(name, one)}
    if not shown:
        return None
    order = sorted(shown, key=lambda name: (name != one.first, name))
    lines = [_line(name, shown[name], number, one) for number, name in enumerate(order)]
    steps = [x for line in lines for x, _ in line.points]
    values = [y for line in lines for _, y in line.points]
    low, high = min(0.0, *values), max(0.0, *values)
    # A loss of GRPO is about zero on either side of it: an axis that begins at -2e-7 says nothing.
    low = 0.0 if -low < _NEGLIGIBLE * high else low
    across = Axis("step", min(steps), max(steps) if max(steps) > min(steps) else min(steps) + 1)
    drawn = chart(one.title, across, Axis("", low, high if high > low else low + 1), list(reversed(lines)))
    # A chart of one line has no legend to name it.
    last = lines[0].points[-1][1] if len(lines) == 1 else None
    caption = one.caption if last is None else f"{one.caption} The last is {last:.4g}."
    return Drawing(one.title, caption, Markup(drawn))  # noqa: S704 - made by `chart`, which escapes


def _belongs(name: str, one: _Chart) -> bool:
    prefixes = tuple(pattern for pattern in one.names if pattern.endswith("/"))
    return (name in one.names or name.startswith(prefixes)) and not name.endswith(one.left_out)


def _line(name: str, points: Points, number: int, one: _Chart) -> Line:
    is_measured = name.startswith(_VALIDATION)
    values = [y for _, y in points] if is_measured else smooth([y for _, y in points])
    kind = "final" if name == one.first else str(number or DISTINCT) if number <= DISTINCT else "other"
    places = [(x, y) for (x, _), y in zip(points, values, strict=True)]
    return Line(name.removeprefix("terms/"), kind, places, marked=is_measured and len(places) <= 12)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
