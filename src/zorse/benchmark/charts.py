"""Pictures of a benchmark as inline SVG; colours come from the page's style, so that they follow light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from zorse.evaluation import Interval

COLOURS = 8  # classes c0 to c7 of the style; what comes after is drawn in grey


@dataclass(frozen=True)
class Curve:
    """A method's trade-off.

    Attributes
    ----------
    name : str
    points : ndarray of shape (m, 2)
        Unseen and seen accuracy.
    at : tuple of float or None
        The same two without any calibration.
    area : float
    """

    name: str
    points: np.ndarray
    at: tuple[float, float] | None
    area: float


def mean_curve(curves: Sequence[Sequence[Sequence[float]]], n: int = 201) -> np.ndarray:
    """The mean over runs of seen accuracy as a function of unseen accuracy, shape (n, 2); its area is the mean area.

    Beyond the largest unseen accuracy of a run its seen accuracy is 0.
    """
    grid = np.linspace(0, 1, n)
    total = np.zeros(n)
    for points in curves:
        u, s = np.array(points).T
        total += np.interp(grid, u, s, right=0.0)
    mean = total / len(curves)
    last = max(np.flatnonzero(mean > 0).max(initial=0) + 1, 1)
    return np.column_stack([grid, mean])[: last + 1]


def curves_chart(curves: Sequence[Curve], label: str) -> str:
    """Seen against unseen accuracy; the best few in colour with their names beside, all others in grey."""
    size, left, top, legend = 420, 52, 12, 240
    order = sorted(curves, key=lambda curve: -curve.area)
    reach_x = _ceil(max(curve.points[:, 0].max() for curve in order))
    reach_y = _ceil(max(curve.points[:, 1].max() for curve in order))

    def x(value: float) -> float:
        return left + size * value / reach_x

    def y(value: float) -> float:
        return top + size * (1 - value / reach_y)

    parts = [_grid(x, y, reach_x, reach_y)]
    for i, curve in reversed(list(enumerate(order))):
        kind = f"c{i}" if i < COLOURS else "rest"
        path = " ".join(f"{x(u):.1f},{y(s):.1f}" for u, s in curve.points)
        parts.append(f'<g class="curve {kind}"><title>{escape(curve.name)}: {100 * curve.area:.1f}</title>')
        parts.append(f'<polyline points="{path}"/>')
        if curve.at is not None and i < COLOURS:
            parts.append(f'<circle cx="{x(curve.at[0]):.1f}" cy="{y(curve.at[1]):.1f}" r="4"/>')
        parts.append("</g>")
    for i, curve in enumerate(order[:COLOURS]):
        row = top + 10 + 22 * i
        parts.append(
            f'<g class="c{i}"><line x1="{left + size + 22}" x2="{left + size + 44}" y1="{row}" y2="{row}"/>'
            f'<text x="{left + size + 52}" y="{row + 4}">{escape(_short(curve.name, 18))}</text>'
            f'<text x="{left + size + legend}" y="{row + 4}" text-anchor="end">{100 * curve.area:.1f}</text></g>'
        )
    if len(order) > COLOURS:
        row = top + 14 + 22 * COLOURS
        parts.append(f'<text class="soft" x="{left + size + 52}" y="{row}">{len(order) - COLOURS} more in grey</text>')
    parts.append(
        f'<text class="axis" x="{left + size / 2}" y="{top + size + 38}" text-anchor="middle">unseen, %</text>'
    )
    parts.append(
        f'<text class="axis" text-anchor="middle" transform="translate(14 {top + size / 2}) rotate(-90)">seen, %</text>'
    )
    return _svg(left + size + legend + 16, top + size + 48, "".join(parts), label)


def intervals_chart(
    rows: Sequence[tuple[str, Interval, str]], label: str, reported: dict[str, float] | None = None
) -> str:
    """One row a method: its mean and interval in percent; a tick where a paper's figure is known."""
    left, width, step, top = 190, 460, 22, 26
    reach = _ceil(max([min(i.high, 1.0) if np.isfinite(i.high) else i.value for _, i, _ in rows], default=1.0))

    def x(value: float) -> float:
        return left + width * value / reach

    height = top + step * len(rows) + 6
    parts = []
    for tick in _ticks(reach):
        parts.append(_line("grid", x(tick), x(tick), top - 6, height))
        parts.append(_label(f"{100 * tick:g}", x(tick), top - 12, "middle"))
    for i, (name, interval, kind) in enumerate(rows):
        y = top + step * (i + 0.5)
        low = max(interval.low, 0.0) if np.isfinite(interval.low) else interval.value
        high = min(interval.high, reach) if np.isfinite(interval.high) else interval.value
        told = f"{name}: {100 * interval.value:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
        parts.append(f'<g class="row {kind}"><title>{escape(told)}</title>')
        parts.append(_label(_short(name), left - 12, y + 4, "end", "name"))
        parts.append(f'<line x1="{x(low):.1f}" x2="{x(high):.1f}" y1="{y}" y2="{y}"/>')
        parts.append(f'<circle cx="{x(interval.value):.1f}" cy="{y}" r="4"/></g>')
        if reported and name in reported:
            at = x(min(reported[name], reach))
            parts.append(_line("paper", at, at, y - 7, y + 7))
    return _svg(left + width + 20, height, "".join(parts), label)


def ranks_chart(names: Sequence[str], ranks: np.ndarray, cliques: Sequence[Sequence[int]], label: str) -> str:
    """Mean ranks, best on top; methods joined by a bar are not told apart."""
    order = np.argsort(ranks, kind="stable")
    place = {int(method): row for row, method in enumerate(order)}
    left, width, step, top = 190, 400, 22, 34
    m = len(order)
    lanes = _lanes([sorted(place[i] for i in clique) for clique in cliques])

    def x(rank: float) -> float:
        return left + width * (rank - 1) / max(m - 1, 1)

    height = top + step * m + 6
    parts = [_line("frame", x(1), x(m), top - 6, top - 6)]
    for rank in np.unique(np.linspace(1, m, min(m, 9)).round().astype(int)):
        parts.append(_line("grid", x(rank), x(rank), top - 6, height))
        parts.append(_label(str(rank), x(rank), top - 14, "middle"))
    for row, method in enumerate(order):
        y = top + step * (row + 0.5)
        parts.append(f'<g class="row"><title>{escape(names[method])}: mean rank {ranks[method]:.2f}</title>')
        parts.append(f'<text x="{left - 12}" y="{y + 4:.1f}" text-anchor="end">{escape(_short(names[method]))}</text>')
        parts.append(f'<line class="stem" x1="{x(1):.1f}" x2="{x(ranks[method]):.1f}" y1="{y}" y2="{y}"/>')
        parts.append(f'<circle cx="{x(ranks[method]):.1f}" cy="{y}" r="4.5"/>')
        parts.append(
            f'<text class="axis" x="{x(ranks[method]) + 10:.1f}" y="{y + 4:.1f}">{ranks[method]:.1f}</text></g>'
        )
    for lane, (first, last) in lanes:
        at = left + width + 60 + 11 * lane
        y1, y2 = top + step * (first + 0.15), top + step * (last + 0.85)
        parts.append(_line("clique", at, at, y1, y2))
    breadth = 1 + max((lane for lane, _ in lanes), default=0)
    return _svg(left + width + 70 + 11 * breadth, height, "".join(parts), label)


def _lanes(runs: Sequence[Sequence[int]]) -> list[tuple[int, tuple[int, int]]]:
    """A column for each run of rows, so that runs which overlap stand side by side."""
    ends: list[int] = []
    placed = []
    for run in sorted(runs, key=tuple):
        lane = next((i for i, end in enumerate(ends) if end < run[0]), len(ends))
        ends[lane : lane + 1] = [run[-1]]
        placed.append((lane, (run[0], run[-1])))
    return placed


def _grid(x, y, reach_x: float, reach_y: float) -> str:
    parts = []
    for tick in _ticks(reach_x):
        parts.append(_line("grid", x(tick), x(tick), y(0), y(reach_y)))
        parts.append(_label(f"{100 * tick:g}", x(tick), y(0) + 18, "middle"))
    for tick in _ticks(reach_y):
        parts.append(_line("grid", x(0), x(reach_x), y(tick), y(tick)))
        parts.append(_label(f"{100 * tick:g}", x(0) - 8, y(tick) + 4, "end"))
    return "".join(parts)


def _line(kind: str, x1: float, x2: float, y1: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}"/>'


def _label(text: str, x: float, y: float, anchor: str = "start", kind: str = "axis") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _ceil(value: float) -> float:
    """The next round share, so that the picture uses its space."""
    return next((edge for edge in (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0) if value <= edge), 1.0)


def _ticks(reach: float) -> np.ndarray:
    step = next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2) if reach / step <= 6)
    return np.arange(0, reach + step / 2, step).round(4)


def _short(name: str, most: int = 24) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _svg(width: float, height: float, content: str, label: str) -> str:
    return (
        f'<svg class="chart" width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'role="img" aria-label="{escape(label)}">{content}</svg>'
    )
