"""Fill outlines: a pixel is inside if its centre is."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Num


def fill_even_odd(
    rings: Sequence[Num[np.ndarray, "_ 2"]], size_hw: tuple[int, int]
) -> Bool[np.ndarray, "height width"]:
    """Return the pixels whose centres are inside an odd number of closed lines.

    Exact, and blind to the direction of lines: an edge that is walked there and back leaves no trace.
    """
    height, width = size_hw
    row, x = _crossings(rings, height)
    column = np.clip(np.ceil(x - 0.5), 0, width).astype(np.int64)
    # Read row by row, the image is one long line; each crossing begins or ends a run on it.
    runs = np.diff(np.sort(row * width + column), prepend=0, append=height * width)
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(height, width)


def _crossings(rings: Sequence[np.ndarray], height: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where the edges cross the middles of the rows: row, x."""
    upper, lower = _edges(rings)
    first = np.clip(np.ceil(upper[:, 1] - 0.5), 0, height).astype(np.int64)
    stop = np.clip(np.ceil(lower[:, 1] - 0.5), 0, height).astype(np.int64)
    edge = np.repeat(np.arange(len(upper)), stop - first)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(stop - first) - stop, stop - first)
    upper, lower = upper[edge], lower[edge]
    slope = (lower[:, 0] - upper[:, 0]) / (lower[:, 1] - upper[:, 1])
    return row, upper[:, 0] + (row + 0.5 - upper[:, 1]) * slope


def _edges(rings: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of every edge, the upper one first, so that both directions of an edge compute the same."""
    if not rings:
        return np.zeros((0, 2)), np.zeros((0, 2))
    start = np.concatenate(rings).astype(np.float64)
    end = np.concatenate([np.roll(ring, -1, axis=0) for ring in rings]).astype(np.float64)
    falls = start[:, 1:] <= end[:, 1:]
    return np.where(falls, start, end), np.where(falls, end, start)
