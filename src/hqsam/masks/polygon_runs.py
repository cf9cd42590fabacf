"""Polygons as runs of a mask, filled in their box alone, so that the image may be larger than memory."""

from collections.abc import Sequence

import numpy as np

from hqsam.masks.polygons import Polygon, from_polygons
from hqsam.masks.runs import Runs, runs_from_parts


def runs_of_polygons(polygons: Sequence[Polygon], size_hw: tuple[int, int]) -> Runs:
    """Return the runs of the pixels whose centres lie in one of the polygons and in none of that polygon's holes.

    Args:
        polygons: in pixels of the image; what lies outside of it is left out.
        size_hw: height and width of the image.
    """
    height, width = size_hw
    if not polygons:
        return runs_from_parts([], height)
    corners = np.concatenate([one.exterior for one in polygons])
    left, top = np.floor(corners.min(axis=0)).clip(0, (width, height)).astype(int).tolist()
    right, bottom = np.ceil(corners.max(axis=0)).clip(0, (width, height)).astype(int).tolist()
    if right <= left or bottom <= top:
        return runs_from_parts([], height)
    corner = np.array([left, top])
    moved = [Polygon(one.exterior - corner, tuple(hole - corner for hole in one.holes)) for one in polygons]
    return runs_from_parts([(from_polygons(moved, (bottom - top, right - left)), top, left)], height)
