"""Areas and lengths of outlines in metres, on the ellipsoid and so without the distortion of a projection."""

from functools import lru_cache
from math import degrees
from typing import Any

import numpy as np

from hqsam import optional
from hqsam.geo.crs import parse_crs, transform_points

_LONGEST_EDGE_PIXELS = 64
"""Edges are cut at this length before they are carried to longitude and latitude, where they are curves."""


def area_and_perimeter(geometry: Any, crs: str, longest_edge: float = 0) -> tuple[float, float] | None:
    """Return the area in square metres and the length of the outer outlines in metres; None where no CRS is known.

    Args:
        geometry: a shapely Polygon or MultiPolygon.
        crs: the CRS of its coordinates. In a local one, which has no place on Earth, it is measured in the plane.
        longest_edge: longer edges are divided before they are carried to longitude and latitude; 0 divides none.
    """
    if not crs:
        return None
    shapely = optional.require("shapely", extra="geo")
    system = parse_crs(crs)
    if system.geodetic_crs is None:
        metres = system.axis_info[0].unit_conversion_factor if system.axis_info else 1.0
        outer = sum(part.exterior.length for part in shapely.get_parts(geometry))
        return float(geometry.area * metres**2), float(outer * metres)
    if longest_edge > 0:
        geometry = shapely.segmentize(geometry, longest_edge)
    geodetic, in_degrees = _geodetic(crs), degrees(system.geodetic_crs.axis_info[0].unit_conversion_factor)
    on_ellipsoid = shapely.transform(geometry, lambda points: transform_points(points, crs, geodetic) * in_degrees)
    area, perimeter = system.get_geod().geometry_area_perimeter(shapely.orient_polygons(on_ellipsoid))
    return float(abs(area)), float(perimeter)


def longest_edge_for(transform: tuple[float, ...]) -> float:
    """Return the length on the map of 64 pixels, for `area_and_perimeter`."""
    a, b, _, d, e, _ = transform
    return _LONGEST_EDGE_PIXELS * float(np.sqrt(abs(a * e - b * d)))


@lru_cache(maxsize=16)
def _geodetic(crs: str) -> str:
    """Return the longitude and latitude that a CRS is based on, so that measuring needs no change of datum."""
    return parse_crs(crs).geodetic_crs.to_wkt()
