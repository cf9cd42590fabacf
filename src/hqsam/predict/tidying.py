"""Masks without their small pieces and small holes, as SAM's generator tidies them."""

from collections.abc import Iterable, Iterator

import cv2
import numpy as np
from jaxtyping import Bool

from hqsam.masks.overlap import suppress_boxes
from hqsam.masks.runs import runs_of_parts
from hqsam.predict.found import Found


def tidy(found: Iterable[Found], min_area: int, max_iou: float) -> Iterator[Found]:
    """All masks without pieces and holes of fewer than `min_area` pixels, and of those that became alike one.

    Nothing can be given out before everything was found. Of two whose boxes overlap by more than `max_iou`, one that
    needed no tidying is preferred.
    """
    before = list(found)
    after = [_tidied(one, min_area) for one in before]
    if not after:
        return
    untouched = np.array([float(new is old) for new, old in zip(after, before, strict=True)])
    boxes = np.stack([one.box_xyxy for one in after])
    for index in suppress_boxes(boxes, untouched, max_iou):
        yield after[index]


def without_small(mask: Bool[np.ndarray, "height width"], min_area: int, outside: int = 0) -> np.ndarray:
    """A mask whose small holes are filled, and then its small pieces removed, but for the largest.

    Args:
        mask: a part of an image, or all of it. Touching corners join, of holes too, as in the official code.
        min_area: in pixels.
        outside: pixels of the image beyond this part, where nothing of the mask is.
    """
    labels, areas = _pieces(~mask)
    if outside:
        areas[np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))] += outside
    small = areas < min_area
    small[0] = False
    mask = mask | small[labels]
    labels, areas = _pieces(mask)
    large = areas >= min_area
    large[0] = False
    if len(areas) > 1 and not large.any():
        large[1 + areas[1:].argmax()] = True
    return large[labels]


def _tidied(one: Found, min_area: int) -> Found:
    """The same object if there is nothing to tidy."""
    height, width = one.size_hw
    x0, y0, x1, y1 = one.box_xyxy.tolist()
    rows, columns = slice(max(0, y0 - 1), y1 + 1), slice(max(0, x0 - 1), x1 + 1)
    mask = one.mask[rows, columns]
    tidied = without_small(mask, min_area, height * width - mask.size)
    if np.array_equal(mask, tidied):
        return one
    return one.with_runs(runs_of_parts([(tidied, rows.start, columns.start)], height))


def _pieces(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return labels, stats[:, cv2.CC_STAT_AREA].astype(np.int64)
