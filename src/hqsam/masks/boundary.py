"""IoU of masks and of their boundaries.

Boundary IoU (Cheng et al., 2021) as the official HQ-SAM evaluation computes it: a boundary is what is left of
a mask when it is eroded by a share of the image's diagonal.
"""

import math

import cv2
import numpy as np
from jaxtyping import Bool

from hqsam.errors import InputError
from hqsam.masks.boxes import box_of_mask
from hqsam.masks.windows import window_of_box


def boundary(mask: Bool[np.ndarray, "height width"], ratio: float = 0.02) -> Bool[np.ndarray, "height width"]:
    """Return the mask without its inside: the pixels within `ratio` * diagonal of something outside.

    The distance counts steps to any of the eight neighbours, is rounded, and is at least 1. Beyond the image
    is outside.
    """
    steps = boundary_width(mask.shape, ratio)
    window = window_of_box(box_of_mask(mask))  # nothing outside this box can matter
    result = np.zeros_like(mask)
    result[window] = mask[window] & ~_erode(mask[window], steps)
    return result


def boundary_width(size_hw: tuple[int, ...], ratio: float) -> int:
    """Return how many pixels wide the boundary is: `ratio` * diagonal, rounded, at least 1."""
    return max(1, round(ratio * math.hypot(*size_hw)))


def iou(mask: Bool[np.ndarray, "height width"], other: Bool[np.ndarray, "_ _"]) -> float:
    """Return the intersection over union of two masks. Two empty masks agree: 1.

    Raises:
        InputError: the masks differ in size.
    """
    if mask.shape != other.shape:
        raise InputError(f"masks of {mask.shape} and {other.shape} (height, width) cannot be compared; resize one")
    union = np.count_nonzero(mask | other)
    return np.count_nonzero(mask & other) / union if union else 1.0


def boundary_iou(mask: Bool[np.ndarray, "height width"], other: Bool[np.ndarray, "_ _"], ratio: float = 0.02) -> float:
    """Return the IoU of two masks' boundaries. Two empty masks agree: 1, where the official code has NaN.

    Raises:
        InputError: the masks differ in size.
    """
    return iou(boundary(mask, ratio), boundary(other, ratio))


def _erode(mask: np.ndarray, steps: int) -> np.ndarray:
    """Return what is left after `steps` erosions by 3 x 3 ones: the pixels more than `steps` king's moves from outside.

    One pass, however many steps; `_erode_step_by_step` is the same in plain words.
    """
    distance = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_C, 3)
    return (distance > steps)[1:-1, 1:-1]


def _erode_step_by_step(mask: np.ndarray, steps: int) -> np.ndarray:
    """Erode as the official code does, for the test that `_erode` agrees."""
    padded = np.pad(mask, 1).astype(np.uint8)
    return cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=steps)[1:-1, 1:-1] == 1
