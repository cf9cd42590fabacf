"""Outlines with right angles, as most buildings have.

Each edge of a simplified outline becomes parallel to one of two axes, which are those of the building; edges that
follow each other on one axis are joined at their mean, weighted by length. An outline that does not fit its mask
afterwards is given back as it was. A package for this,
buildingregulariser, works on tables of geopandas, which we do without.
"""

from typing import Any

import numpy as np

from hqsam import optional
from hqsam.geo.georeference import Georeference

_SIMPLIFY_PIXELS = 1.5
"""Steps of pixels that are no corners of a building."""
_LEAST_IOU = 0.85
"""Agreement with the mask's own outline, below which the building has no right angles."""


def orthogonal_outline(polygon: Any, place: Georeference) -> Any:
    """Return a shapely Polygon with right angles only, or the polygon itself where such a one does not fit it.

    Args:
        polygon: in the CRS of the image.
        place: the place of the image, whose pixels say how far off an edge may be.
    """
    shapely = optional.require("shapely", extra="geo")
    a, b, _, d, e, _ = place.transform
    pixel = float(np.sqrt(abs(a * e - b * d)))
    simple = shapely.simplify(polygon, _SIMPLIFY_PIXELS * pixel, preserve_topology=True)
    angle = _main_direction(simple)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    rings = [_squared(shapely.get_coordinates(ring)[:-1] @ turn.T) for ring in (simple.exterior, *simple.interiors)]
    if rings[0] is None:
        return polygon
    holes = [ring @ turn for ring in rings[1:] if ring is not None]
    squared = shapely.Polygon(rings[0] @ turn, holes)
    return squared if squared.is_valid and _iou(squared, polygon) >= _LEAST_IOU else polygon


def _main_direction(polygon: Any) -> float:
    """Return the direction of most of the outline's length, in radians, up to a quarter turn."""
    shapely = optional.require("shapely", extra="geo")
    edges = np.concatenate(
        [np.diff(shapely.get_coordinates(ring), axis=0) for ring in (polygon.exterior, *polygon.interiors)]
    )
    # Directions that differ by a quarter turn are one: four times the angle, as unit vectors, weighted by length.
    long, angle = np.hypot(*edges.T), np.arctan2(edges[:, 1], edges[:, 0])
    # The square of the length: a long wall tells the direction better than many steps of pixels.
    return float(np.angle((long**2 * np.exp(4j * angle)).sum()) / 4)


def _squared(ring: np.ndarray) -> np.ndarray | None:
    """Return a ring [N, 2] whose edges are parallel to the axes by turns; None where less than a rectangle is left."""
    edges = np.roll(ring, -1, axis=0) - ring
    level = np.abs(edges[:, 0]) >= np.abs(edges[:, 1])
    turns = np.flatnonzero(level != np.roll(level, 1))
    if len(turns) < 4:
        return None
    middle, long = (ring + np.roll(ring, -1, axis=0)) / 2, np.hypot(*edges.T)
    lines = []  # of each run of edges in one direction: whether it is level, and where it lies on the other axis
    for start, stop in zip(turns, np.append(turns[1:], turns[0] + len(ring)), strict=True):
        run = np.arange(start, stop) % len(ring)
        across = middle[run, 1 if level[start] else 0]
        lines.append((bool(level[start]), float(np.average(across, weights=long[run]))))
    corners = zip(lines, [*lines[1:], lines[0]], strict=True)
    return np.array([(other, mine) if is_level else (mine, other) for (is_level, mine), (_, other) in corners])


def _iou(one: Any, other: Any) -> float:
    both = one.intersection(other).area
    return both / max(one.area + other.area - both, 1e-300)
