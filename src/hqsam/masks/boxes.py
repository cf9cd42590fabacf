"""Boxes around masks: x0, y0, x1, y1 along pixel edges, so x1 and y1 are the last pixel + 1."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int

Window = tuple[slice, slice]
"""Rows and columns: `image[window]` is the part of the image inside a box."""


def box_of_mask(mask: Bool[np.ndarray, "height width"]) -> Int[np.ndarray, "4"]:
    """The smallest box around a mask; 0, 0, 0, 0 if the mask is empty."""
    rows = np.flatnonzero(mask.any(axis=1))
    if len(rows) == 0:
        return np.zeros(4, dtype=np.int64)
    columns = np.flatnonzero(mask[rows[0] : rows[-1] + 1].any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], dtype=np.int64)


def boxes_of_masks(masks: Bool[np.ndarray, "mask height width"]) -> Int[np.ndarray, "mask 4"]:
    """The smallest box around each mask."""
    boxes = [box_of_mask(mask) for mask in masks]
    return np.stack(boxes) if boxes else np.zeros((0, 4), dtype=np.int64)


def mask_of_box(box_xyxy: Sequence[float] | np.ndarray, size_hw: tuple[int, int]) -> Bool[np.ndarray, "height width"]:
    """The pixels whose centres lie in a box; what falls outside the image is cut off."""
    mask = np.zeros(size_hw, dtype=bool)
    mask[window_of_box(box_xyxy)] = True
    return mask


def window_of_box(box_xyxy: Sequence[float] | np.ndarray) -> Window:
    """The rows and columns whose centres lie in a box."""
    x0, y0, x1, y1 = (max(0, math.ceil(edge - 0.5)) for edge in box_xyxy)
    return slice(y0, y1), slice(x0, x1)
