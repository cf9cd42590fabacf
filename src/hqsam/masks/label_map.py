"""Label maps: each pixel has the number of one mask, or 0 for none.

Maps are painted run by run, so their cost is that of the masks' outlines, however many pixels lie inside. They are
laid out column after column, as runs are.
"""

import itertools
import math
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Integer

from hqsam.masks.overlap import Order, painting_order
from hqsam.masks.runs import Runs

LabelMap = Integer[np.ndarray, "height width"]

_SLIVER = 0.02
"""Gaps narrower than this share of the image's long side, or than six pixels, belong to their neighbours."""

_FILLED_AT = 4096
"""Gaps of larger maps are filled on a coarser grid whose long side has at most this many points."""


def paint(runs: Sequence[Runs], size_hw: tuple[int, int], order: Order = "small_on_top") -> LabelMap:
    """Paint mask i as the number i + 1, in the smallest type that holds them; `order` says who gets a shared pixel."""
    height, width = size_hw
    columns = np.zeros(width * height, np.min_scalar_type(len(runs)))
    for index in painting_order([one.area for one in runs], order):
        for start, end in zip(runs[index].starts.tolist(), runs[index].ends.tolist(), strict=True):
            columns[start:end] = index + 1
    return columns.reshape(width, height).T


def runs_of_labels(labels: LabelMap, count: int) -> list[Runs]:
    """Return the runs of each number from 1 to `count`; no runs for a number that no pixel has."""
    line = labels.T.reshape(-1)
    edges = np.flatnonzero(line[1:] != line[:-1]) + 1
    starts, ends = np.concatenate([[0], edges]), np.concatenate([edges, [len(line)]])
    numbers = line[starts] if len(line) else np.zeros(0, line.dtype)
    order = np.argsort(numbers, kind="stable")
    cuts = np.searchsorted(numbers[order], np.arange(1, count + 2))
    return [Runs(starts[order[a:b]], ends[order[a:b]]) for a, b in itertools.pairwise(cuts)]


def fill_gaps(labels: LabelMap, sliver: float | None = None) -> LabelMap:
    """Return a map without zeros: narrow gaps go to the nearest mask, wide ones become masks of their own.

    Args:
        labels: stays as it is.
        sliver: a gap is wide if some pixel of it is more than half of this from every mask, in pixels; by default 2 %
            of the image's long side, at least 6. Wide gaps get the next free numbers, in reading order.
    """
    sliver = max(6, _SLIVER * max(labels.shape)) if sliver is None else sliver
    step = math.ceil(max(labels.shape) / _FILLED_AT)
    coarse = _filled(np.ascontiguousarray(labels[::step, ::step]), sliver / step)
    filled = labels.astype(np.promote_types(labels.dtype, coarse.dtype), order="F")
    for column in range(filled.shape[1]):
        line = filled[:, column]
        gaps = np.flatnonzero(line == 0)
        line[gaps] = coarse[gaps // step, column // step]
    return filled


def _filled(labels: np.ndarray, sliver: float) -> np.ndarray:
    gaps = (labels == 0).astype(np.uint8)
    if gaps.all():
        return np.ones_like(labels)
    distance, nearest = cv2.distanceTransformWithLabels(gaps, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    owners = np.zeros(int(nearest.max()) + 1, np.int64)
    owners[nearest[gaps == 0]] = labels[gaps == 0]
    total, pieces = cv2.connectedComponents(gaps, connectivity=4)
    wide = np.unique(pieces[distance > sliver / 2])
    numbers = np.zeros(total, np.int64)
    numbers[wide] = int(labels.max()) + 1 + np.arange(len(wide))
    filled = np.where(numbers[pieces] > 0, numbers[pieces], owners[nearest])
    return filled.astype(np.min_scalar_type(int(filled.max())))
