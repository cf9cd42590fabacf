"""Remove small pieces and small holes from masks, as SAM's generator does."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import Bool

from hqsam.masks.instances import Instances
from hqsam.masks.overlap import box_nms
from hqsam.masks.runs import runs_from_parts
from hqsam.masks.windows import Window


def postprocess_small_regions(found: Iterable[Instances], min_area: int, max_iou: float) -> Iterator[Instances]:
    """Remove pieces and holes of fewer than `min_area` pixels from all masks; of those that became alike, one stays.

    Nothing can be given out before everything was found. Of two whose boxes overlap by more than `max_iou`, one that
    needed no change is preferred.
    """
    before = list(found)
    after = [_cleaned(one, min_area) for one in before]
    if not after:
        return
    untouched = np.array([float(new is old) for new, old in zip(after, before, strict=True)])
    boxes = np.concatenate([one.boxes for one in after])
    for index in box_nms(boxes, untouched, max_iou):
        yield after[index]


def remove_small_regions(mask: Bool[np.ndarray, "height width"], min_area: int) -> Bool[np.ndarray, "height width"]:
    """Return a mask whose small holes are filled, and then its small pieces removed, but for the largest.

    Pieces that touch at a corner belong together, and so do holes, as in the official code.
    """
    labels, areas = _pieces(~mask)
    small = areas < min_area
    small[0] = False
    mask = mask | small[labels]
    labels, areas = _pieces(mask)
    large = areas >= min_area
    large[0] = False
    if len(areas) > 1 and not large.any():
        large[1 + areas[1:].argmax()] = True
    return large[labels]


def _cleaned(one: Instances, min_area: int) -> Instances:
    """Return the very same object if there is nothing to remove."""
    rows, columns = _surroundings(one, min_area)
    mask = one.mask(0)[rows, columns]
    tidied = remove_small_regions(mask, min_area)
    if np.array_equal(mask, tidied):
        return one
    runs = runs_from_parts([(tidied, rows.start, columns.start)], one.image_size_hw[0])
    return replace(one, encoded=(runs.to_rle(one.image_size_hw),))


def _surroundings(one: Instances, min_area: int) -> Window:
    """Return the box of a mask with so much around it that what goes on beyond is seen to be no small hole.

    It begins at an even row and column: OpenCV numbers pieces by blocks of 2 x 2, and of pieces of one size the first
    is kept, which has to be the same one as in the whole image.
    """
    (height, width), (x0, y0, x1, y1) = one.image_size_hw, one.boxes[0].tolist()
    above, beside = math.ceil(min_area / max(1, x1 - x0)), math.ceil(min_area / max(1, y1 - y0))
    rows = slice(max(0, y0 - above) // 2 * 2, min(height, y1 + above))
    return rows, slice(max(0, x0 - beside) // 2 * 2, min(width, x1 + beside))


def _pieces(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return labels, stats[:, cv2.CC_STAT_AREA].astype(np.int64)
