"""Masks as polygons and back, pixel for pixel: holes stay holes, and every part stays."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
from jaxtyping import Bool, Num

from hqsam.errors import OptionError
from hqsam.masks.outlines import trace
from hqsam.masks.rasterize import fill_even_odd
from hqsam.masks.windows import Window

Corners = Literal["pixel_edges", "pixel_centres"]
"""Where outlines run: along the edges of pixels, as COCO has it, or through the outermost pixels themselves."""

_NEAR, _FAR = 0.1, 0.4
"""Parts of a pixel for corners in it that stand for its near (left, upper) and its far edge. Cut off or rounded, both
are that pixel, and `along_edges` tells them apart."""
_ROUNDED = 0.03
"""The error of corners that were written with few digits, in pixels."""


@dataclass(frozen=True, eq=False)
class Polygon:
    """One part of a mask and the holes in it. Corners are x, y; no corner is repeated at the end."""

    exterior: Num[np.ndarray, "corner 2"]
    """Points of the outer ring, clockwise on the screen."""
    holes: tuple[Num[np.ndarray, "_ 2"], ...] = ()
    """Points of each hole's ring, anticlockwise on the screen."""

    @property
    def rings(self) -> tuple[np.ndarray, ...]:
        """All rings: the exterior, then the holes."""
        return (self.exterior, *self.holes)


def to_polygons(
    mask: Bool[np.ndarray, "height width"], tolerance: float = 0, corners: Corners = "pixel_edges"
) -> list[Polygon]:
    """Outline a mask, one polygon for each part.

    Pixels that only touch at a corner are different parts, so every polygon is simple, as GIS tools ask.

    Args:
        mask: what to outline.
        tolerance: 0 is exact. Above it, corners are left out as long as none of them is further than this
            many pixels from the new outline; a part or hole too small for that is kept as it is.
        corners: "pixel_edges" are exact for whoever fills the pixels whose centres are inside (pycocotools, GIS, SVG).
            "pixel_centres" are exact for whoever draws the outline as well, from whole pixels (OpenCV's `fillPoly`,
            Pillow, and so labelme, supervision, ultralytics); there, edges make a mask up to a pixel larger.

    Raises:
        OptionError: the tolerance is no number of pixels, or the corners are another word.
    """
    if corners not in get_args(Corners):
        raise OptionError(f"corners is {corners!r}; choose one of {', '.join(get_args(Corners))}")
    if not 0 <= tolerance < math.inf:
        raise OptionError(f"tolerance is {tolerance!r}; give 0, which is exact, or a number of pixels")
    rings_of_part: dict[int, list[np.ndarray]] = {}
    for outline in trace(mask):
        ring = outline.corners if corners == "pixel_edges" else _within_pixels(outline.corners)
        rings_of_part.setdefault(outline.part, []).append(simplify(ring, tolerance))
    return [Polygon(rings[0], tuple(rings[1:])) for rings in rings_of_part.values()]


def from_polygons(polygons: Sequence[Polygon], size_hw: tuple[int, int]) -> Bool[np.ndarray, "height width"]:
    """Return the pixels whose centres lie in one of the polygons and in none of that polygon's holes."""
    mask = np.zeros(size_hw, dtype=bool)
    for polygon in polygons:
        rows, columns = _window(polygon, size_hw)
        corner = np.array([columns.start, rows.start])
        inside = fill_even_odd(
            [ring - corner for ring in polygon.rings], (rows.stop - rows.start, columns.stop - columns.start)
        )
        mask[rows, columns] |= inside
    return mask


def along_edges(ring: Num[np.ndarray, "corner 2"]) -> Num[np.ndarray, "corner 2"]:
    """Return corners of "pixel_centres", as `to_polygons` makes them, along the edges of pixels; others as they are."""
    pixel = np.floor(ring)
    near, far = (np.abs(ring - pixel - part) < _ROUNDED for part in (_NEAR, _FAR))
    return pixel + far if (near | far).all() else ring


def _within_pixels(ring: Num[np.ndarray, "corner 2"]) -> Num[np.ndarray, "corner 2"]:
    """Move the corners of an exact outline into the pixels that it encloses, which are on its right hand."""
    before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    across, down = np.where(after != 0, after, before).T  # of each corner's two edges, one goes each way
    edge_is_far = np.stack([down > 0, across < 0], axis=1)
    return ring + np.where(edge_is_far, _FAR - 1, _NEAR)


def simplify(ring: Num[np.ndarray, "corner 2"], tolerance: float) -> Num[np.ndarray, "fewer 2"]:
    """Leave out corners (Douglas and Peucker) that are within `tolerance` pixels of the line without them."""
    if tolerance <= 0:
        return ring
    fewer = cv2.approxPolyDP(ring.astype(np.float32)[:, None], tolerance, closed=True)[:, 0]
    return fewer.astype(ring.dtype) if len(fewer) >= 3 else ring


def as_one_ring(polygons: Sequence[Polygon]) -> Num[np.ndarray, "corner 2"]:
    """Join polygons and their holes to one closed line, for formats that know nothing else.

    The rings are joined by slits that are walked there and back, and so enclose nothing: filled by the
    even-odd or the winding rule, the line gives the same pixels.
    """
    rings = [ring for polygon in polygons for ring in polygon.rings]
    if not rings:
        return np.zeros((0, 2), dtype=np.int64)
    joined, *others = sorted(rings, key=lambda ring: ring[:, 0].min())
    for ring in others:
        joined = _join(joined, ring)
    return joined


def _join(ring: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Walk `ring` to the corner nearest to the leftmost of `other`, around `other`, and on."""
    there = int(other[:, 0].argmin())
    here = int(np.square(ring - other[there]).sum(axis=1).argmin())
    return np.concatenate([ring[: here + 1], other[there:], other[: there + 1], ring[here:]])


def _window(polygon: Polygon, size_hw: tuple[int, int]) -> Window:
    """Return the rows and columns of the image that a polygon can reach."""
    limit = np.array(size_hw[::-1])
    x0, y0 = np.clip(np.floor(polygon.exterior.min(axis=0)), 0, limit).astype(int).tolist()
    x1, y1 = np.clip(np.ceil(polygon.exterior.max(axis=0)), 0, limit).astype(int).tolist()
    return slice(y0, y1), slice(x0, x1)
