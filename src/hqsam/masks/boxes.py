"""Boxes around masks: x0, y0, x1, y1 along pixel edges, so x1 and y1 are the last pixel + 1."""

import numpy as np
from jaxtyping import Bool, Int


def box_of_mask(mask: Bool[np.ndarray, "height width"]) -> Int[np.ndarray, "4"]:
    """Return the smallest box around a mask; 0, 0, 0, 0 if the mask is empty."""
    rows = np.flatnonzero(mask.any(axis=1))
    if len(rows) == 0:
        return np.zeros(4, dtype=np.int64)
    columns = np.flatnonzero(mask[rows[0] : rows[-1] + 1].any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], dtype=np.int64)


def boxes_of_masks(masks: Bool[np.ndarray, "mask height width"]) -> Int[np.ndarray, "mask 4"]:
    """Return the smallest box around each mask."""
    boxes = [box_of_mask(mask) for mask in masks]
    return np.stack(boxes) if boxes else np.zeros((0, 4), dtype=np.int64)
