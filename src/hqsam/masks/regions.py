"""Connected pieces of a mask, holes in it, and the point furthest inside."""

from typing import Literal

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int

from hqsam.errors import InputError, OptionError
from hqsam.masks.boxes import box_of_mask
from hqsam.masks.windows import window_of_box


def components(
    mask: Bool[np.ndarray, "height width"], touching: Literal["edges", "corners"] = "corners"
) -> Int[np.ndarray, "height width"]:
    """Number the pieces of a mask 1, 2, ... from the largest to the smallest; 0 is outside.

    Pixels belong together if they share an edge, or, by default, at least a corner.
    """
    labels, areas = _label(mask, 4 if touching == "edges" else 8)
    order = np.argsort(-areas[1:], kind="stable")
    number = np.zeros(len(areas), dtype=np.int32)
    number[order + 1] = np.arange(1, len(areas))
    return number[labels]


def remove_specks(mask: Bool[np.ndarray, "height width"], min_area: int) -> Bool[np.ndarray, "height width"]:
    """Drop the pieces of fewer than `min_area` pixels. The largest piece always stays.

    Raises:
        OptionError: the area is below 0.
    """
    _check_area("min_area", min_area)
    labels, areas = _label(mask, 8)
    keep = areas >= min_area
    keep[0] = False
    if len(areas) > 1:
        keep[1 + areas[1:].argmax()] = True
    return keep[labels]


def fill_holes(mask: Bool[np.ndarray, "height width"], max_area: int | None = None) -> Bool[np.ndarray, "height width"]:
    """Fill the holes of at most `max_area` pixels, or all of them.

    A hole is background that no path along pixel edges joins to the image's border.

    Raises:
        OptionError: the area is below 0.
    """
    if max_area is not None:
        _check_area("max_area", max_area)
    labels, areas = _label(~mask, 4)
    hole = np.ones(len(areas), dtype=bool) if max_area is None else areas <= max_area
    for border in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        hole[border] = False
    hole[0] = False
    return mask | hole[labels]


def innermost_point(mask: Bool[np.ndarray, "height width"]) -> tuple[int, int]:
    """Return the pixel (x, y) of a mask that is furthest from everything outside; beyond the image is outside, too.

    Of several that are equally far, the first in reading order, as the paper's evaluation has it.

    Raises:
        InputError: the mask is empty.
    """
    if not mask.any():
        raise InputError("an empty mask has no innermost point; check mask.any() first")
    rows, columns = window_of_box(box_of_mask(mask))  # beyond its box is outside
    depth = squared_depth(mask[rows, columns])
    y, x = np.unravel_index(depth.argmax(), depth.shape)
    return columns.start + int(x), rows.start + int(y)


def squared_depth(mask: Bool[np.ndarray, "height width"]) -> Float[np.ndarray, "height width"]:
    """Return each pixel's squared distance, in pixels, from the nearest pixel outside of a mask; 0 outside.

    Beyond the image is outside, too. Squares are whole numbers, so equally deep pixels are equal: OpenCV's distances
    of them differ in the last bit with the place of the mask in memory. Exact for distances up to 2,000 pixels.
    """
    padded = np.pad(mask, 1).astype(np.uint8)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    return np.rint(distance * distance)


def _check_area(name: str, area: int) -> None:
    if not area >= 0:
        raise OptionError(f"{name} is {area!r}; give a number of pixels, 0 or more")


def _label(mask: np.ndarray, connectivity: int) -> tuple[np.ndarray, np.ndarray]:
    """Number the pieces in reading order, and return their areas; 0 is what is outside the mask."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=connectivity)
    return labels, stats[:, cv2.CC_STAT_AREA]
