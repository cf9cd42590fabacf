"""The place of an image on a map: an affine transform from its pixels, and a coordinate reference system (CRS)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from hqsam.errors import PromptError
from hqsam.geo.crs import transform_points

_STEPS = 21
"""Points along each side of a box that is carried to another CRS, where straight lines become curves."""


@dataclass(frozen=True)
class Georeference:
    """The place of an image on a map.

    Coordinates of pixels are continuous: (0, 0) is the outer corner of the first pixel, as in `hqsam.geometry` and in
    GDAL, and (0.5, 0.5) its centre.
    """

    transform: tuple[float, float, float, float, float, float]
    """a, b, c, d, e, f, as rasterio orders them: x = a * column + b * row + c, and y = d * column + e * row + f."""
    crs: str = ""
    """The coordinate reference system as WKT, or anything that pyproj understands, such as "EPSG:32633"; empty where it
    is not known."""

    def to_map(self, points_in_image: Shaped[np.ndarray, "*batch 2"]) -> Float[np.ndarray, "*batch 2"]:
        """Convert x, y in pixels of the image to x, y on the map, in float64."""
        return np.asarray(points_in_image, np.float64) @ self._matrix.T + self._offset

    def to_pixels(self, points_on_map: Shaped[np.ndarray, "*batch 2"], crs: str = "") -> Float[np.ndarray, "*batch 2"]:
        """Convert x, y on the map to x, y in pixels of the image, in float64.

        Args:
            points_on_map: x, y: easting and northing, or longitude and latitude, in this order.
            crs: the system that they are in; by default the image's own.

        Raises:
            OptionError: there is no such CRS, or the image's own is not known.
            PromptError: the points have no place in the image's CRS.
        """
        points = np.asarray(points_on_map, np.float64)
        if crs:
            points = transform_points(points, crs, self.crs)
        if not np.isfinite(points).all():
            raise PromptError(f"{points_on_map!r} is no place in the image's coordinate system; check --crs")
        return (points - self._offset) @ np.linalg.inv(self._matrix).T

    def box_to_pixels(self, box_on_map: Sequence[float] | np.ndarray, crs: str = "") -> Float[np.ndarray, "4"]:
        """Return the smallest box x0, y0, x1, y1 in pixels around a box of two opposite corners x, y, x, y on the map.

        Raises:
            OptionError: there is no such CRS, or the image's own is not known.
            PromptError: the box has no place in the image's CRS.
        """
        x0, y0, x1, y1 = (float(value) for value in box_on_map)
        along = np.linspace(0, 1, _STEPS if crs else 2)
        across, down = x0 + (x1 - x0) * along, y0 + (y1 - y0) * along
        sides = [(across, np.full_like(across, y)) for y in (y0, y1)] + [
            (np.full_like(down, x), down) for x in (x0, x1)
        ]
        corners = self.to_pixels(np.concatenate([np.stack(side, axis=1) for side in sides]), crs)
        return np.concatenate([corners.min(axis=0), corners.max(axis=0)])

    def window(self, left: float, top: float) -> "Georeference":
        """Return the place of a part of the image that begins at a column and row."""
        a, b, _, d, e, _ = self.transform
        x, y = self.to_map(np.array([left, top])).tolist()
        return Georeference((a, b, x, d, e, y), self.crs)

    def to_plain(self) -> dict[str, Any]:
        """Return the transform and CRS as JSON can hold them."""
        return {"transform": list(self.transform), "crs": self.crs}

    @property
    def _matrix(self) -> Float[np.ndarray, "2 2"]:
        a, b, _, d, e, _ = self.transform
        return np.array([[a, b], [d, e]], np.float64)

    @property
    def _offset(self) -> Float[np.ndarray, "2"]:
        return np.array([self.transform[2], self.transform[5]], np.float64)
