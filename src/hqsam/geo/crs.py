"""Coordinate reference systems by pyproj: parsed with errors that help, and points carried from one to another.

Coordinates are always x, y: easting and northing, or longitude and latitude, whatever order a CRS itself prescribes.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float

from hqsam import optional
from hqsam.errors import OptionError

LONGITUDE_LATITUDE = "OGC:CRS84"
"""WGS 84 in the order longitude, latitude: the one CRS of GeoJSON (RFC 7946)."""


@lru_cache(maxsize=64)
def parse_crs(text: str) -> Any:
    """Return a `pyproj.CRS`.

    Raises:
        OptionError: there is no such CRS.
        MissingExtra: pyproj is not installed.
    """
    pyproj = optional.require("pyproj", extra="geo")
    try:
        return pyproj.CRS.from_user_input(text)
    except pyproj.exceptions.CRSError as error:
        raise OptionError(
            f"{text!r} is no coordinate reference system that PROJ knows; give one such as EPSG:4326 or EPSG:32633"
        ) from error


def transform_points(points: Float[np.ndarray, "*batch 2"], source: str, target: str) -> Float[np.ndarray, "*batch 2"]:
    """Carry points x, y from one CRS to another; those without a place in it become infinite.

    Raises:
        OptionError: one of the two is not known.
        MissingExtra: pyproj is not installed.
    """
    if not source or not target:
        raise OptionError(
            "the file does not say in which coordinate reference system it is; give coordinates in its own"
        )
    if source == target or parse_crs(source) == parse_crs(target):
        return points
    x, y = _transformer(source, target).transform(points[..., 0], points[..., 1])
    return np.stack([x, y], axis=-1)


@lru_cache(maxsize=64)
def _transformer(source: str, target: str) -> Any:
    pyproj = optional.require("pyproj", extra="geo")
    return pyproj.Transformer.from_crs(parse_crs(source), parse_crs(target), always_xy=True)
