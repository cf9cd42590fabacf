"""Runs of a mask, cut to a window, moved to another place, and joined: a mask of many windows without its pixels."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int

from hqsam.masks.boxes import Window
from hqsam.masks.runs import Runs


def cut(runs: Runs, height: int, window: Window) -> Bool[np.ndarray, "rows columns"]:
    """The part of a mask that is in a window of its image.

    Args:
        runs: the mask's.
        height: the image's.
        window: rows and columns, within the image.
    """
    rows, columns = window
    high, wide = rows.stop - rows.start, columns.stop - columns.start
    column, first, last = _by_column(runs, height, columns)
    first, last = np.maximum(first, rows.start) - rows.start, np.minimum(last, rows.stop) - rows.start
    here = last > first
    lines = np.zeros((wide, high + 1), np.int8)
    lines[column[here], first[here]] += 1
    lines[column[here], last[here]] -= 1  # no two runs touch, so no place begins one and ends another
    return np.cumsum(lines[:, :-1], axis=1, dtype=np.int8).astype(bool).T


def _by_column(runs: Runs, height: int, columns: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Runs that end with their column: the column, counted from the first, and the rows at which they begin and end."""
    some = slice(
        np.searchsorted(runs.ends, columns.start * height, side="right"),
        np.searchsorted(runs.starts, columns.stop * height),
    )
    starts, ends = runs.starts[some], runs.ends[some]
    begun = np.maximum(starts // height, columns.start)
    touched = np.minimum((ends - 1) // height, columns.stop - 1) - begun + 1
    run = np.repeat(np.arange(len(starts)), touched)
    column = np.repeat(begun, touched) + np.arange(len(run)) - np.repeat(np.cumsum(touched) - touched, touched)
    first, last = starts[run] - column * height, ends[run] - column * height
    return column - columns.start, first.clip(0, height), last.clip(0, height)


def union(masks: Sequence[Runs]) -> Runs:
    """The pixels that are in any of several masks of one image."""
    starts = np.concatenate([np.zeros(0, np.int64), *(one.starts for one in masks)])
    ends = np.concatenate([np.zeros(0, np.int64), *(one.ends for one in masks)])
    order = np.argsort(starts, kind="stable")
    return _joined(starts[order], np.maximum.accumulate(ends[order]))


def _joined(starts: Int[np.ndarray, "run"], reached: Int[np.ndarray, "run"]) -> Runs:
    """Runs in rising order of which `reached` is the furthest end so far; those that touch become one."""
    apart = np.ones(len(starts) + 1, bool)
    apart[1:-1] = starts[1:] > reached[:-1]
    return Runs(starts[apart[:-1]], reached[apart[1:]])
