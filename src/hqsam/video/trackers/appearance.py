"""The look of an object as a histogram of its colours, by which it is known again."""

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

_BINS = (8, 16, 16)
"""Bins of L, a and b: brightness is coarse, because it changes with light."""
_SURROUNDINGS = 0.35
"""Width of the ring that counts as an object's surroundings, as a share of the root of its area."""


def colours_of(
    lab: UInt8[np.ndarray, "height width 3"], mask: Bool[np.ndarray, "height width"]
) -> Float32[np.ndarray, "bin"]:
    """Return the histogram of a mask's pixels in CIELAB; it sums to 1, or is 0 for an empty mask."""
    counts = cv2.calcHist([lab], [0, 1, 2], mask.astype(np.uint8), list(_BINS), [0, 256] * 3).ravel()
    return counts / max(float(counts.sum()), 1.0)


def similarity(one: Float32[np.ndarray, "bin"], other: Float32[np.ndarray, "bin"]) -> float:
    """Return the Bhattacharyya coefficient of two histograms: 0 where no colour is shared, 1 where all are."""
    return float(np.sqrt(one * other).sum())


def surroundings(mask: Bool[np.ndarray, "height width"]) -> Bool[np.ndarray, "height width"]:
    """Return the ring around a mask."""
    reach = max(3, round(_SURROUNDINGS * float(mask.sum()) ** 0.5))
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3)
    return (distance <= reach) & ~mask
