"""Runs of a mask down the columns: where each begins and ends, if the pixels are counted column by column.

COCO's run lengths are the same numbers, packed. Runs can be counted, boxed, painted and made from a part of the image,
all without the whole mask.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Int
from pycocotools import mask as coco_mask

from hqsam.masks.rle import Rle, run_lengths
from hqsam.masks.windows import Window


class Runs(NamedTuple):
    """A mask as the first pixel of each run, and the one behind its last, in rising order. No two runs touch."""

    starts: Int[np.ndarray, "run"]
    ends: Int[np.ndarray, "run"]

    @property
    def area(self) -> int:
        """The number of pixels of the mask."""
        return int((self.ends - self.starts).sum())

    def box_xyxy(self, height: int) -> Int[np.ndarray, "4"]:
        """Return the smallest box around the mask in an image of this height; zeros if it is empty."""
        if len(self.starts) == 0:
            return np.zeros(4, np.int64)
        left, right = self.starts[0] // height, (self.ends[-1] - 1) // height
        first, last = self.starts // height, (self.ends - 1) // height
        if (first != last).any():  # a run that goes on in the next column has been at the bottom and at the top
            return np.array([left, 0, right + 1, height], np.int64)
        top, bottom = (self.starts % height).min(), ((self.ends - 1) % height).max()
        return np.array([left, top, right + 1, bottom + 1], np.int64)

    def to_rle(self, size_hw: tuple[int, int]) -> Rle:
        """Return COCO's compressed run lengths, the same as `rle.encode` gives for the whole mask."""
        height, width = size_hw
        edges = np.stack([self.starts, self.ends], axis=1).ravel()
        lengths = np.diff(edges, prepend=0, append=height * width)
        if len(lengths) > 1 and lengths[-1] == 0:
            lengths = lengths[:-1]
        packed: Any = coco_mask.frPyObjects({"size": [height, width], "counts": lengths.tolist()}, height, width)
        return {"size": [height, width], "counts": packed["counts"].decode("ascii")}


def runs_from_rle(rle: Any) -> Runs:
    """Return the runs of COCO's run lengths, compressed or not."""
    edges = np.cumsum(run_lengths(rle["counts"]))
    ends = edges[1::2]
    return joined(edges[0::2][: len(ends)], ends)


def runs_from_parts(parts: Iterable[tuple[Bool[np.ndarray, "_ _"], int, int]], height: int) -> Runs:
    """Return the runs of a mask that is given in parts.

    Args:
        parts: rectangles side by side from left to right, each with its top and its left in the image; outside of
            them the mask is empty. Only one of them is needed at a time.
        height: the image's.
    """
    found = [_runs_of_part(part, top, left, height) for part, top, left in parts]
    if not found:
        return Runs(np.zeros(0, np.int64), np.zeros(0, np.int64))
    return joined(*(np.concatenate(column) for column in zip(*found, strict=True)))


def crop_runs(runs: Runs, height: int, window: Window) -> Bool[np.ndarray, "rows columns"]:
    """Return the part of a mask that is in a window of its image.

    Args:
        runs: the mask's.
        height: the image's.
        window: rows and columns, within the image.
    """
    rows, columns = window
    high, wide = rows.stop - rows.start, columns.stop - columns.start
    column, first, last = cut_at_columns(runs, height, columns)
    first, last = np.maximum(first, rows.start) - rows.start, np.minimum(last, rows.stop) - rows.start
    here = last > first
    lines = np.zeros((wide, high + 1), np.int8)
    lines[column[here], first[here]] += 1
    lines[column[here], last[here]] -= 1  # no two runs touch, so no place begins one and ends another
    return np.cumsum(lines[:, :-1], axis=1, dtype=np.int8).astype(bool).T


def cut_at_columns(runs: Runs, height: int, columns: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut runs at the ends of columns: the column, counted from the first, and the rows where each begins and ends."""
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
    """Return the pixels that are in any of several masks of one image."""
    starts = np.concatenate([np.zeros(0, np.int64), *(one.starts for one in masks)])
    ends = np.concatenate([np.zeros(0, np.int64), *(one.ends for one in masks)])
    order = np.argsort(starts, kind="stable")
    return joined(starts[order], np.maximum.accumulate(ends[order]))


def _runs_of_part(part: np.ndarray, top: int, left: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    columns = np.zeros((part.shape[1], part.shape[0] + 1), bool)  # a pixel of nothing ends each column
    columns[:, :-1] = part.T
    line = columns.ravel()
    edges = np.flatnonzero(line[1:] != line[:-1]) + 1
    if len(line) and line[0]:
        edges = np.concatenate([[0], edges])
    column, row = np.divmod(edges, columns.shape[1])
    places = (left + column) * height + top + row
    return places[0::2], places[1::2]


def joined(starts: np.ndarray, ends: np.ndarray) -> Runs:
    """Return the runs without empty ones, and with those joined that touch: as when a column is full to the bottom."""
    filled = ends > starts
    starts, ends = starts[filled], ends[filled]
    apart = np.ones(len(starts) + 1, bool)  # whether a run is apart from the one before
    apart[1:-1] = starts[1:] > ends[:-1]
    return Runs(starts[apart[:-1]], ends[apart[1:]])
