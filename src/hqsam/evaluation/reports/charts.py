"""Charts as SVG, in the colours that the page's style gives to each source."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from itertools import pairwise

import numpy as np

WIDTH, ROW, LEFT, RIGHT, FOOT = 560, 92, 46, 74, 34
_BINS = 20
Scale = Callable[[float], float]
"""Converts a value to a coordinate in the chart."""


def histograms(values_of: Mapping[str, Sequence[float]], what: str) -> str:
    """Return a histogram of IoU for each source, one under the other, with the mean marked.

    `values_of` goes from sources to values between 0 and 1; `what` names the values under the axis.
    """
    counts = {source: np.histogram(values, _BINS, (0, 1))[0] for source, values in values_of.items()}
    most = max(int(count.max()) for count in counts.values()) or 1
    rows = [
        _row(number, source, count, float(np.mean(values_of[source])), most)
        for number, (source, count) in enumerate(counts.items())
    ]
    height = ROW * len(rows) + FOOT
    axis = _x_axis([0, 0.25, 0.5, 0.75, 1], height - FOOT, _across, what)
    return _svg(height, f"How many objects have which {what}", [*rows, axis])


def curves(lines: Mapping[str, Sequence[tuple[float, float]]], what: str, height: int = 300) -> str:
    """Return a curve for each source over the number of clicks; y is from 0 to 1."""
    clicks = sorted({x for line in lines.values() for x, _ in line})
    floor, most = height - FOOT, max(clicks)

    def across(x: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (x - 1) / max(1, most - 1)

    def up(y: float) -> float:
        return floor - (floor - 14) * y

    ticks = clicks if len(clicks) <= 10 else [tick for tick in clicks if tick == 1 or tick % 5 == 0]
    label_ys = _spread([up(line[-1][1]) for line in lines.values()], gap=15, lowest=floor - 4)
    drawn = [
        _line(source, line, what, across, up, label_y)
        for (source, line), label_y in zip(lines.items(), label_ys, strict=True)
    ]
    return _svg(height, f"{what} by clicks", [_y_axis(up), _x_axis(ticks, floor, across, "clicks"), *drawn])


def _line(source: str, line: Sequence[tuple[float, float]], what: str, across: Scale, up: Scale, label_y: float) -> str:
    path = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in line)
    dots = "".join(
        f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3.2"><title>{escape(source)}, {x:g} clicks: {what} '
        f"{100 * y:.1f}</title></circle>"
        for x, y in line
    )
    last_x, last_y = line[-1]
    label = f'<text x="{across(last_x) + 9:.1f}" y="{label_y + 4:.1f}">{escape(source)} {100 * last_y:.1f}</text>'
    return f'<g class="series {source}"><polyline points="{path}"/>{dots}{label}</g>'


def _row(number: int, source: str, counts: np.ndarray, mean: float, most: int) -> str:
    floor, tall, wide = ROW * (number + 1) - 4, ROW - 30, (_across(1) - _across(0)) / _BINS
    bars = "".join(_bar(bin_, count, floor, tall * count / most, wide) for bin_, count in enumerate(counts.tolist()))
    at, top = f"{_across(mean):.1f}", floor - tall - 4
    return (
        f'<g class="series {source}">{bars}<line class="mean" x1="{at}" x2="{at}" y1="{top}" y2="{floor}"/>'
        f'<text class="name" x="{LEFT - 8}" y="{floor - 4}" text-anchor="end">{escape(source)}</text>'
        f'<text x="{at}" y="{top - 5}" text-anchor="middle">{100 * mean:.1f}</text>'
        f'<line class="ground" x1="{_across(0)}" x2="{_across(1)}" y1="{floor}" y2="{floor}"/></g>'
    )


def _bar(bin_: int, count: int, floor: float, height: float, width: float) -> str:
    x, first, last = _across(bin_ / _BINS) + 0.75, bin_ / _BINS, (bin_ + 1) / _BINS
    return (
        f'<rect x="{x:.1f}" y="{floor - height:.1f}" width="{width - 1.5:.1f}" height="{height:.1f}" rx="1.5">'
        f"<title>{count} objects from {first:.2f} to {last:.2f}</title></rect>"
    )


def _across(value: float) -> float:
    return LEFT + (WIDTH - LEFT - 20) * value


def _x_axis(ticks: Sequence[float], floor: float, across: Scale, what: str) -> str:
    marks = "".join(
        f'<text x="{across(tick):.1f}" y="{floor + 14}" text-anchor="middle">{tick:g}</text>' for tick in ticks
    )
    middle = (across(ticks[0]) + across(ticks[-1])) / 2
    return (
        f'<g class="axis">{marks}<text x="{middle:.1f}" y="{floor + 30}" text-anchor="middle">{escape(what)}</text></g>'
    )


def _y_axis(up: Scale) -> str:
    marks = "".join(
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up(value):.1f}" y2="{up(value):.1f}"/>'
        f'<text x="{LEFT - 8}" y="{up(value) + 4:.1f}" text-anchor="end">{100 * value:.0f}</text>'
        for value in (0, 0.25, 0.5, 0.75, 1)
    )
    return f'<g class="axis">{marks}</g>'


def _spread(heights: Sequence[float], gap: float, lowest: float) -> list[float]:
    """Return heights moved apart where labels would overlap, and none below `lowest`."""
    order = np.argsort(heights, kind="stable")
    placed = np.array(heights, dtype=float)
    for above, below in pairwise(order):
        placed[below] = max(placed[below], placed[above] + gap)
    placed[order[-1]] = min(placed[order[-1]], lowest)
    for below, above in pairwise(order[::-1]):
        placed[above] = min(placed[above], placed[below] - gap)
    return placed.tolist()


def _svg(height: int, title: str, parts: Sequence[str]) -> str:
    inside = "".join(parts)
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">{inside}</svg>'
