"""A plot as SVG: bad requests served against good versions taken back, both on logarithmic axes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from math import log10

WIDTH, HEIGHT, MARGIN, GAP = 980, 520, 70, 60
_NONE_AT = 1e-5
"""Where a rule is drawn that took back none: a logarithm has no zero."""
_COLOURS = (
    *("#1b6ca8", "#c0392b", "#8e44ad", "#d68910", "#7f8c8d", "#117a65"),
    *("#2c3e50", "#a04000", "#27ae60", "#e91e63", "#6d4c41", "#00acc1"),
)


@dataclass(frozen=True, slots=True)
class Point:
    """One rule: the parts of good versions it takes back in steady times and in an incident, and what a bad one costs.

    `incident` None: not known.
    """

    name: str
    steady: float
    incident: float | None
    cost: float


@dataclass(frozen=True, slots=True)
class Panel:
    """One fault: the rules, settings that were tried besides, and the least that any rule can let through."""

    title: str
    points: tuple[Point, ...]
    tried: tuple[tuple[float, float], ...] = ()
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class _Frame:
    left: float
    width: float
    low: float
    high: float

    def x(self, part: float) -> float:
        """The place of a part of good versions."""
        return self.left + self.width * (log10(max(part, _NONE_AT)) - log10(_NONE_AT)) / -log10(_NONE_AT)

    def y(self, cost: float) -> float:
        """The place of a number of requests."""
        span = log10(self.high) - log10(self.low)
        place = (log10(min(max(cost, self.low), self.high)) - log10(self.low)) / span
        return HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * place


def draw(panels: Sequence[Panel]) -> str:
    """The whole picture as a document."""
    width = (WIDTH - 2 * MARGIN - GAP * (len(panels) - 1)) / len(panels)
    names = list(dict.fromkeys(point.name for panel in panels for point in panel.points))
    colours = {name: _COLOURS[number % len(_COLOURS)] for number, name in enumerate(names)}
    whole = HEIGHT + 18 * (len(names) // 2 + 2)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {whole}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{whole}" fill="white"/>',
    ]
    for number, panel in enumerate(panels):
        costs = [cost for _, cost in panel.tried] + [point.cost for point in panel.points]
        costs += [panel.limit] if panel.limit else []
        known = [cost for cost in costs if cost > 0]
        low, high = 10 ** int(log10(min(known)) - 0.5), 10 ** int(log10(max(known)) + 1)
        frame = _Frame(MARGIN + number * (width + GAP), width, low, high)
        parts += [*_axes(frame, panel.title), *_panel(frame, panel, colours)]
    parts += _legend(colours)
    return "\n".join([*parts, "</svg>", ""])


def _axes(frame: _Frame, title: str) -> Iterable[str]:
    top, bottom, right = MARGIN, HEIGHT - MARGIN, frame.left + frame.width
    yield _text(frame.left + frame.width / 2, top - 24, title, size=15, anchor="middle")
    yield _line(frame.left, bottom, right, bottom, "#333")
    yield _line(frame.left, bottom, frame.left, top, "#333")
    for exponent in range(-5, 1):
        part = 10.0**exponent
        label = "0" if exponent == -5 else f"{100 * part:g} %"
        yield _line(frame.x(part), bottom, frame.x(part), top, "#eee")
        yield _text(frame.x(part), bottom + 18, label, anchor="middle")
    cost = frame.low
    while cost <= frame.high:
        yield _line(frame.left, frame.y(cost), right, frame.y(cost), "#eee")
        yield _text(frame.left - 8, frame.y(cost) + 4, f"{cost:g}", anchor="end")
        cost *= 10
    yield _text(frame.left + frame.width / 2, bottom + 40, "good versions taken back", anchor="middle")
    yield _text(frame.left, top - 8, "bad requests served, mean", anchor="start")


def _panel(frame: _Frame, panel: Panel, colours: dict[str, str]) -> Iterable[str]:
    for part, cost in panel.tried:
        yield f'<circle cx="{frame.x(part):.1f}" cy="{frame.y(cost):.1f}" r="1.6" fill="#bbb"/>'
    if panel.limit:
        y = frame.y(panel.limit)
        yield _line(frame.left, y, frame.left + frame.width, y, "#2e7d32", dash="6 4")
        yield _text(frame.left + frame.width, y - 5, "limit (Wald)", anchor="end", fill="#2e7d32")
    for point in panel.points:
        colour, x, y = colours[point.name], frame.x(point.steady), frame.y(point.cost)
        if point.incident is not None:
            yield _line(x, y, frame.x(point.incident), y, colour)
            yield f'<circle cx="{frame.x(point.incident):.1f}" cy="{y:.1f}" r="5" fill="white" stroke="{colour}"/>'
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"><title>{escape(point.name)}</title></circle>'


def _legend(colours: dict[str, str]) -> Iterable[str]:
    for number, (name, colour) in enumerate(colours.items()):
        x, y = MARGIN + (number % 2) * (WIDTH - 2 * MARGIN) / 2, HEIGHT + 18 * (number // 2)
        yield f'<circle cx="{x}" cy="{y - 4}" r="5" fill="{colour}"/>'
        yield _text(x + 12, y, name)
    y = HEIGHT + 18 * ((len(colours) + 1) // 2)
    said = "Filled: steady times; hollow: a shared incident of three minutes; grey: every threshold tried"
    yield _text(MARGIN, y + 6, said)


def _line(x1: float, y1: float, x2: float, y2: float, stroke: str, *, dash: str = "") -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}"{dashed}/>'


def _text(x: float, y: float, said: str, *, size: int = 12, anchor: str = "start", fill: str = "#222") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{fill}">{escape(said)}</text>'
    )
