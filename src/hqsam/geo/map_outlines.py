"""Outlines of masks on a map, as shapely's polygons with holes, simplified by no more than is asked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from hqsam import optional
from hqsam.errors import OptionError
from hqsam.geo.georeference import Georeference
from hqsam.geo.orthogonal import orthogonal_outline
from hqsam.masks.instances import Instances
from hqsam.masks.polygons import Polygon, to_polygons
from hqsam.masks.runs import crop_runs, runs_from_rle


@dataclass(frozen=True)
class MapOutline:
    """One mask's outline on the map."""

    geometry: Any
    """A shapely MultiPolygon in the CRS of the image; empty for an empty mask."""
    error: float
    """The greatest distance between this and the exact outline, in units of the map; 0 is exact."""


def map_outlines(
    instances: Instances, place: Georeference, tolerance: float = 0, simplify: float = 0, orthogonal: bool = False
) -> Iterator[MapOutline]:
    """Yield the outline of each mask on the map, one at a time.

    Exact outlines run along the edges of pixels: whoever fills the pixels whose centres are inside, as GDAL does, gets
    the mask back.

    Args:
        instances: the masks.
        place: the place of their image.
        tolerance: corners are left out that are at most so many pixels off the line without them.
        simplify: the same in units of the map (Douglas and Peucker); outlines stay valid, without crossings.
        orthogonal: make outlines of right angles, as buildings have, where they fit the mask; others stay as they are.

    Raises:
        OptionError: `simplify` is no length.
        MissingExtra: shapely is not installed.
    """
    if not 0 <= simplify < float("inf"):
        raise OptionError(f"simplify is {simplify!r}; give 0, which is exact, or a length in units of the map")
    shapely = optional.require("shapely", extra="geo")
    for row in range(len(instances)):
        exact = _on_map(outline_in_pixels(instances, row), place)
        outline = exact if tolerance == 0 else _on_map(outline_in_pixels(instances, row, tolerance), place)
        if simplify > 0:
            outline = _valid(shapely.simplify(outline, simplify, preserve_topology=True))
        if orthogonal and not outline.is_empty:
            outline = _valid(shapely.multipolygons([orthogonal_outline(part, place) for part in outline.geoms]))
        yield MapOutline(outline, 0.0 if outline is exact else _distance(exact, outline))


def pixel_polygons(geometry: Any, place: Georeference, crs: str = "") -> list[Polygon]:
    """Return a shapely Polygon or MultiPolygon on the map as polygons in pixels of the image.

    Args:
        geometry: its coordinates are in `crs`, by default the image's own.
        place: the place of the image.
        crs: the system of the coordinates.
    """
    shapely = optional.require("shapely", extra="geo")
    parts = []
    for part in shapely.get_parts(geometry):
        rings = [place.to_pixels(shapely.get_coordinates(ring)[:-1], crs) for ring in (part.exterior, *part.interiors)]
        parts.append(Polygon(rings[0], tuple(rings[1:])))
    return parts


def outline_in_pixels(instances: Instances, row: int, tolerance: float = 0) -> list[Polygon]:
    """Return the polygons of a mask, traced in its box alone: the image may be larger than memory."""
    x0, y0, x1, y1 = instances.boxes[row].tolist()
    if x1 <= x0:
        return []
    part = crop_runs(runs_from_rle(instances.rle[row]), instances.image_size_hw[0], (slice(y0, y1), slice(x0, x1)))
    corner = np.array([x0, y0])
    return [
        Polygon(polygon.exterior + corner, tuple(hole + corner for hole in polygon.holes))
        for polygon in to_polygons(np.ascontiguousarray(part), tolerance)
    ]


def _on_map(polygons: list[Polygon], place: Georeference) -> Any:
    shapely = optional.require("shapely", extra="geo")
    parts = [
        shapely.Polygon(place.to_map(polygon.exterior), [place.to_map(hole) for hole in polygon.holes])
        for polygon in polygons
    ]
    return _valid(shapely.MultiPolygon(parts))


def _valid(geometry: Any) -> Any:
    """Return a MultiPolygon without crossings; exact outlines have none, simplified parts may touch each other."""
    shapely = optional.require("shapely", extra="geo")
    if not geometry.is_valid:
        geometry = shapely.make_valid(geometry)
    parts = [inner for part in shapely.get_parts(geometry) for inner in shapely.get_parts(part)]
    return shapely.MultiPolygon([part for part in parts if part.geom_type == "Polygon"])


def _distance(exact: Any, outline: Any) -> float:
    """Return the Hausdorff distance of two outlines, measured at their corners."""
    shapely = optional.require("shapely", extra="geo")
    if exact.is_empty or outline.is_empty:
        return 0.0
    return float(shapely.hausdorff_distance(exact.boundary, outline.boundary))
