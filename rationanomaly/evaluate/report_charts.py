"""The figures of the report as SVG, written by hand: a few hundred bytes each, in the page's colours, dark ones too.

They hold no style of their own (the page's policy would not let it act), and the same numbers give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

_WIDTH, _HEIGHT = 360, 270
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 8, 8, 38
#: Points nearer to the last one than this, in units of the drawing, can't be told from it.
_NEAR = 0.7
#: Lines that have a style of their own beside the final model's.
DISTINCT = 6

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Line:
    """A curve.

    Attributes:
        title: in the legend, and what a pointer over the line says.
        kind: ``final``, ``direct``, ``1`` to ``6``, or ``other`` for one that is drawn thin.
        points: (x, y), in the units of the axes.
        step: whether a value holds up to the next point, and nothing lies between.
        marked: whether each point is marked.
    """

    title: str
    kind: str
    points: Points
    step: bool = False
    marked: bool = False


@dataclass(frozen=True)
class Axis:
    """A title, and the ends of the axis."""

    title: str
    low: float = 0.0
    high: float = 1.0


def chart(title: str, x: Axis, y: Axis, lines: Sequence[Line], diagonal: bool = False) -> Markup:
    """A chart with its legend.

    Args:
        title: what a screen reader says of the drawing.
        x, y: the axes.
        lines: later ones lie above earlier ones.
        diagonal: whether the line from corner to corner is drawn, which means "no better than chance" or "calibrated".
    """
    place = _Place(x, y)
    parts = [_grid(place)]
    if diagonal:
        parts.append(_path("diagonal", [place.at(x.low, y.low), place.at(x.high, y.high)], "", False))
    for line in lines:
        parts.append(_path(f"line line-{line.kind}", [place.at(*p) for p in line.points], line.title, line.step))
        if line.marked:
            parts += [_dot(line.kind, place.at(*point)) for point in line.points]
    drawing = Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        _WIDTH, _HEIGHT, title, Markup("").join(parts)
    )
    return drawing + (_legend(lines) if len(lines) > 1 else Markup(""))


def strip(value: float, low: float | None, high: float | None) -> Markup:
    """A value in [0, 1] with its interval, on a line as wide as its place."""
    whiskers = Markup("")
    if low is not None and high is not None:
        whiskers = Markup('<rect class="range" x="{}" y="5" width="{}" height="6"/>').format(
            _short(low * 100), _short(max(0.4, (high - low) * 100))
        )
    return Markup(
        '<svg class="strip" viewBox="0 0 100 16" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" x="0" y="7.5" width="100" height="1"/>{}'
        '<rect class="value" x="{}" y="2" width="1.2" height="12"/></svg>'
    ).format(whiskers, _short(min(98.8, max(0.0, value * 100 - 0.6))))


class _Place:
    """Where values lie in the drawing."""

    def __init__(self, x: Axis, y: Axis) -> None:
        self.x, self.y = x, y

    def at(self, x: float, y: float) -> tuple[float, float]:
        """In units of the drawing; what is beyond an axis lies at its end."""
        across = min(1.0, max(0.0, (x - self.x.low) / ((self.x.high - self.x.low) or 1)))
        up = min(1.0, max(0.0, (y - self.y.low) / ((self.y.high - self.y.low) or 1)))
        return _LEFT + across * (_WIDTH - _LEFT - _RIGHT), _HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM)


def _grid(place: _Place) -> Markup:
    parts = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = (axis.low + share * (axis.high - axis.low) for axis in (place.x, place.y))
        left, bottom = place.at(x, y)
        parts.append(
            Markup(
                '<path class="grid" d="M{0} {1}H{2}M{3} {4}V{5}"/><text x="{6}" y="{7}" text-anchor="end">{8}</text>'
                '<text x="{3}" y="{9}" text-anchor="middle">{10}</text>'
            ).format(
                _LEFT,
                _short(bottom),
                _WIDTH - _RIGHT,
                _short(left),
                _TOP,
                _HEIGHT - _BOTTOM,
                _LEFT - 6,
                _short(bottom + 4),
                _tick(y, place.y.high >= 10),
                _HEIGHT - _BOTTOM + 15,
                _tick(x, place.x.high >= 10),
            )
        )
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    parts.append(
        Markup(
            '<text class="axis" x="{}" y="{}" text-anchor="middle">{}</text>'
            '<text class="axis" x="12" y="{}" text-anchor="middle" transform="rotate(-90 12 {})">{}</text>'
        ).format((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 6, place.x.title, middle, middle, place.y.title)
    )
    return Markup("").join(parts)


def _path(kind: str, points: Points, title: str, step: bool) -> Markup:
    if not points:
        return Markup("")
    kept = [points[0]]
    for point in points[1:-1]:
        if abs(point[0] - kept[-1][0]) + abs(point[1] - kept[-1][1]) >= _NEAR:
            kept.append(point)
    kept += points[1:][-1:]
    moves = [f"M{_short(kept[0][0])} {_short(kept[0][1])}"]
    for x, y in kept[1:]:
        # Of a step the height changes first: between two thresholds there is no model with a precision in between.
        moves.append(f"V{_short(y)}H{_short(x)}" if step else f"L{_short(x)} {_short(y)}")
    named = Markup("<title>{}</title>").format(title) if title else Markup("")
    return Markup('<path class="{}" d="{}">{}</path>').format(kind, "".join(moves), named)


def _dot(kind: str, point: tuple[float, float]) -> Markup:
    return Markup('<circle class="dot dot-{}" cx="{}" cy="{}" r="3.2"/>').format(kind, *map(_short, point))


def _legend(lines: Sequence[Line]) -> Markup:
    sample = Markup(
        '<li><svg viewBox="0 0 28 8" aria-hidden="true"><path class="line line-{}" d="M1 4H27"/></svg>{}</li>'
    )
    # Those drawn last lie on top and are what the figure is about.
    return Markup('<ul class="legend">{}</ul>').format(
        Markup("").join(sample.format(line.kind, line.title) for line in reversed(lines))
    )


def _tick(value: float, whole: bool) -> str:
    if value and abs(value) < 0.005:
        return f"{value:.0e}".replace("e-0", "e-")
    return f"{value:.0f}" if whole else f"{value:.2f}".rstrip("0").rstrip(".") or "0"


def _short(value: float) -> str:
    return str(escape(f"{value:.1f}".removesuffix(".0")))
