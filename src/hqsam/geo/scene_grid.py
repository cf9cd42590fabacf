"""One grid of pixels around several scenes: that of the first, made large enough for all."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from hqsam.errors import DataError
from hqsam.geo.georeference import Georeference
from hqsam.geo.map_outlines import outline_in_pixels
from hqsam.masks.instances import Instances
from hqsam.masks.polygon_runs import runs_of_polygons
from hqsam.masks.polygons import Polygon
from hqsam.masks.runs import Runs

_MOST_PIXELS = 1 << 32
"""COCO's run lengths are numbers of 32 bits."""
_OFF = 1e-3
"""Pixels by which a corner may miss the grid and be on it: transforms are written with a limited number of digits."""
_STEPS = 21
"""Points along each side of a scene that is carried to another CRS, where straight lines become curves."""


@dataclass(frozen=True)
class SceneGrid:
    """Pixels that cover several scenes."""

    place: Georeference
    size_hw: tuple[int, int]

    @classmethod
    def around(cls, scenes: Sequence[Instances]) -> "SceneGrid":
        """Return the grid of the first scene, as large as all of them need.

        Raises:
            DataError: a scene has no place, or in a CRS that is not known, or they lie too far apart.
        """
        first = cls(_place_of(scenes[0]), scenes[0].image_size_hw)
        boxes = np.array([first.box(scene) for scene in scenes])
        left, top = boxes[:, :2].min(axis=0).tolist()
        right, bottom = boxes[:, 2:].max(axis=0).tolist()
        if (bottom - top) * (right - left) >= _MOST_PIXELS:
            raise DataError(
                f"the scenes lie so far apart that an image of all of them has {right - left:,} x {bottom - top:,} "
                "pixels, and masks of more than 4,294,967,295 cannot be stored; join those that overlap"
            )
        return cls(first.place.window(left, top), (bottom - top, right - left))

    def box(self, scene: Instances) -> Int[np.ndarray, "4"]:
        """Return the smallest box x0, y0, x1, y1 of whole pixels around a scene; it may reach beyond the grid."""
        height, width = scene.image_size_hw
        along = np.linspace(0, 1, _STEPS)
        sides = [np.stack([along * width, np.full_like(along, y)], axis=1) for y in (0, height)]
        sides += [np.stack([np.full_like(along, x), along * height], axis=1) for x in (0, width)]
        points = self._carried(np.concatenate(sides), _place_of(scene))
        corners = np.floor(points.min(axis=0) + _OFF), np.ceil(points.max(axis=0) - _OFF)
        return np.concatenate(corners).astype(np.int64)

    def runs(self, scene: Instances, row: int) -> Runs:
        """Return a mask of a scene in this grid, pixel for pixel where the two grids have the same pixels."""
        place = _place_of(scene)
        polygons = [
            Polygon(self._carried(one.exterior, place), tuple(self._carried(hole, place) for hole in one.holes))
            for one in outline_in_pixels(scene, row)
        ]
        return runs_of_polygons(polygons, self.size_hw)

    def _carried(self, points: np.ndarray, place: Georeference) -> Float[np.ndarray, "point 2"]:
        """Return points in pixels of an image in pixels of this grid."""
        if bool(place.crs) != bool(self.place.crs):
            raise DataError("the coordinate reference system of one scene is known, of another not; all need one")
        carried = self.place.to_pixels(place.to_map(points), place.crs)
        whole = np.rint(carried)
        return whole if np.abs(carried - whole).max(initial=0) < _OFF else carried


def _place_of(scene: Instances) -> Georeference:
    place = scene.metadata.get("georeference")
    if place is None:
        raise DataError(
            f"{scene.image_name} has no place on a map; join results of gpkg, geoparquet, geojson, geotiff or cog, "
            "which keep it"
        )
    return place
