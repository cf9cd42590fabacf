"""Prompts from vector files of maps: points, boxes and polygons with attributes, in pixels of an image.

A point is a click, and a MultiPoint several clicks on one object. A polygon with four right-angled corners along the
axes of its CRS is a box; any other polygon is a rough mask, given together with its box.
"""

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from hqsam import optional
from hqsam.errors import DataError, DataWarning, PromptError
from hqsam.geo.georeference import Georeference
from hqsam.geo.map_outlines import pixel_polygons
from hqsam.masks.polygons import Polygon, from_polygons


@dataclass(frozen=True)
class VectorPrompts:
    """Features of a vector file."""

    name: str
    geometries: tuple[Any, ...]
    """Shapely geometries, in the file's CRS; None where a feature has none."""
    attributes: tuple[dict[str, Any], ...]
    """Values by their names in the file, None where a feature has none."""
    crs: str = ""
    """The CRS of the geometries; empty: that of the image."""


@dataclass(frozen=True, eq=False)
class PixelPrompt:
    """One feature as a prompt, in pixels of an image: clicks, or a box, with polygons or without."""

    attributes: dict[str, Any]
    points: Float[np.ndarray, "point 2"] | None = None
    box: Float[np.ndarray, "4"] | None = None
    polygons: tuple[Polygon, ...] = ()
    """A rough mask; none of a point or a box."""

    @property
    def extent(self) -> Float[np.ndarray, "4"]:
        """The smallest box x0, y0, x1, y1 around the prompt."""
        if self.box is not None:
            return self.box
        assert self.points is not None
        return np.concatenate([self.points.min(axis=0), self.points.max(axis=0)])

    def moved(self, left: float, top: float) -> "PixelPrompt":
        """Return the prompt in pixels of a part of the image that begins at a column and row."""
        corner = np.array([left, top], np.float64)
        return replace(
            self,
            points=None if self.points is None else self.points - corner,
            box=None if self.box is None else self.box - np.tile(corner, 2),
            polygons=tuple(
                Polygon(one.exterior - corner, tuple(hole - corner for hole in one.holes)) for one in self.polygons
            ),
        )

    def mask(self, size_hw: tuple[int, int]) -> Bool[np.ndarray, "height width"]:
        """Return the pixels whose centres lie in the polygons."""
        return from_polygons(self.polygons, size_hw)


def read_vector_prompts(path: str | os.PathLike[str], layer: str | None = None, crs: str = "") -> VectorPrompts:
    """Read the features of a GeoPackage, GeoJSON, Shapefile or any other vector file that GDAL knows.

    Args:
        path: the file.
        layer: the layer's name; by default the first.
        crs: the CRS of a file that does not say its own; by default that of the images.

    Raises:
        DataError: it cannot be read, or has no feature.
        MissingExtra: pyogrio is not installed.
    """
    raw, shapely = optional.require("pyogrio.raw", extra="geo"), optional.require("shapely", extra="geo")
    if not str(path).startswith("/vsi") and not Path(path).exists():
        raise DataError(f"cannot read {path}: there is no such file")
    try:
        about, _, encoded, columns = raw.read(str(path), layer=layer)
        geometries = tuple(shapely.from_wkb(encoded)) if encoded is not None else ()
    except Exception as error:  # GDAL's errors have classes of their own
        raise DataError(f"cannot read {path} as a vector file: {' '.join(str(error).split())}") from error
    if not geometries:
        raise DataError(f"{path} has no feature with a geometry")
    fields = [str(name) for name in about["fields"]]
    rows = [
        {name: _plain(column[row]) for name, column in zip(fields, columns, strict=True)}
        for row in range(len(geometries))
    ]
    return VectorPrompts(Path(path).name, geometries, tuple(rows), about["crs"] or crs)


def pixel_prompts(
    vector: VectorPrompts, place: Georeference | None, size_hw: tuple[int, int], image_name: str = "the image"
) -> list[PixelPrompt]:
    """Return those features that lie on an image as prompts in its pixels; what is left out is a warning.

    Args:
        vector: the features.
        place: the place of the image.
        size_hw: its height and width.
        image_name: for messages.

    Raises:
        DataError: the image has no place on a map, or no feature lies on it.
    """
    if place is None:
        raise DataError(
            f"{image_name} has no place on a map that could be read, and the prompts of {vector.name} need one"
        )
    found: list[PixelPrompt] = []
    left_out = {"outside of the image": 0, "neither a point nor a polygon": 0}
    crs = vector.crs if vector.crs and vector.crs != place.crs else ""
    for geometry, attributes in zip(vector.geometries, vector.attributes, strict=True):
        kind = "" if geometry is None or geometry.is_empty else geometry.geom_type
        if kind not in ("Point", "MultiPoint", "Polygon", "MultiPolygon"):
            left_out["neither a point nor a polygon"] += 1
            continue
        try:
            prompt = _on_image(_prompt(geometry, attributes, place, crs), size_hw)
        except PromptError:  # so far away that the image's CRS has no coordinates there
            prompt = None
        if prompt is None:
            left_out["outside of the image"] += 1
        else:
            found.append(prompt)
    said = ", ".join(f"{count} {why}" for why, count in left_out.items() if count)
    if not found:
        raise DataError(f"none of the features of {vector.name} is a prompt on {image_name}: {said}; check their CRS")
    if said:
        warnings.warn(DataWarning(f"{vector.name}: of its features {said} of {image_name} were left out"), stacklevel=2)
    return found


def attribute_columns(prompts: Sequence[PixelPrompt]) -> dict[str, tuple[Any, ...]]:
    """Return the attributes of prompts as columns by name, None where one has none."""
    names = dict.fromkeys(name for prompt in prompts for name in prompt.attributes)
    return {name: tuple(prompt.attributes.get(name) for prompt in prompts) for name in names}


def _prompt(geometry: Any, attributes: dict[str, Any], place: Georeference, crs: str) -> PixelPrompt:
    shapely = optional.require("shapely", extra="geo")
    if geometry.geom_type in ("Point", "MultiPoint"):
        return PixelPrompt(attributes, points=place.to_pixels(shapely.get_coordinates(geometry), crs))
    if geometry.geom_type == "MultiPolygon" and len(geometry.geoms) == 1:
        geometry = geometry.geoms[0]
    if geometry.geom_type == "Polygon" and geometry.equals(shapely.box(*geometry.bounds)):
        return PixelPrompt(attributes, box=place.box_to_pixels(geometry.bounds, crs))
    polygons = tuple(pixel_polygons(geometry, place, crs))
    corners = np.concatenate([one.exterior for one in polygons])
    return PixelPrompt(attributes, box=np.concatenate([corners.min(axis=0), corners.max(axis=0)]), polygons=polygons)


def _on_image(prompt: PixelPrompt, size_hw: tuple[int, int]) -> PixelPrompt | None:
    """Return a prompt without its clicks beside the image; None if nothing of it lies on the image."""
    limit = np.array(size_hw[::-1], np.float64)
    if prompt.points is not None:
        inside = ((prompt.points >= 0) & (prompt.points < limit)).all(axis=1)
        return replace(prompt, points=prompt.points[inside]) if inside.any() else None
    assert prompt.box is not None
    box = np.concatenate([prompt.box[:2].clip(0, limit), prompt.box[2:].clip(0, limit)])
    return replace(prompt, box=box) if (box[2:] - box[:2] > 0).all() else None


def _plain(value: Any) -> Any:
    """Return an attribute as Python has it, a list as text; None for NULL, NaN and NaT."""
    if isinstance(value, np.ndarray):
        return str(value.tolist())
    if value is None or value != value:
        return None
    if isinstance(value, np.datetime64):
        return str(value)
    return value.item() if isinstance(value, np.generic) else value
