"""Runs of a mask along the rows, made from runs down the columns without making the mask.

COCO counts pixels down the columns; CVAT, Label Studio and most image libraries count along the rows.
"""

import numpy as np
from jaxtyping import Int

from hqsam.masks.runs import Runs, cut_at_columns, joined
from hqsam.masks.windows import Window


def row_runs(runs: Runs, height: int, window: Window) -> Runs:
    """Return the runs of a part of a mask, its pixels counted row by row from the part's upper left corner.

    A run along a row begins at a pixel that is inside while its left neighbour is not. So each column is compared with
    the one before, as stretches of rows; the work grows with the length of the outline, not with the area.

    Args:
        runs: the mask's, down the columns.
        height: the image's.
        window: rows and columns, within the image.
    """
    rows, columns = window
    high, wide = rows.stop - rows.start, columns.stop - columns.start
    column, first, last = cut_at_columns(runs, height, columns)
    first, last = (edge.clip(rows.start, rows.stop) - rows.start for edge in (first, last))
    here = last > first
    line = high + 1  # a column and a row that is never inside
    begin, end = (column * line + first)[here], (column * line + last)[here]
    starts = _only_in_first((begin, end), (begin + line, end + line))
    ends = _only_in_first((begin + line, end + line), (begin, end))
    return joined(*(np.sort(pixels % line * wide + pixels // line) for pixels in (starts, ends)))


def _only_in_first(
    inside: tuple[np.ndarray, np.ndarray], outside: tuple[np.ndarray, np.ndarray]
) -> Int[np.ndarray, "_"]:
    """Return the places that are in the first stretches and not in the second; each stretch ends before its end."""
    places = np.concatenate([*inside, *outside])
    steps = np.repeat([1, -1, -2, 2], [len(edges) for edges in (*inside, *outside)])
    order = np.argsort(places, kind="stable")
    places = places[order]
    level = np.cumsum(steps[order])[:-1]  # 1 in the first alone, -2 in the second alone, -1 in both
    length = np.where(level == 1, np.diff(places), 0)
    counted = np.cumsum(length) - length
    return np.repeat(places[:-1] - counted, length) + np.arange(length.sum())
