"""Masks as features of a map: outlines in the CRS of their image, with attributes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from hqsam.errors import OptionError
from hqsam.geo.georeference import Georeference
from hqsam.geo.map_outlines import map_outlines
from hqsam.geo.measures import area_and_perimeter, longest_edge_for
from hqsam.masks.columns import free_name, given_name
from hqsam.masks.instances import Instances

_INSTEAD = {"geojson": "pixel_geojson", "geotiff": "label_map", "cog": "label_map"}
"""Formats in pixels."""
_MEASURED = ("id", "label", "score", "area_m2", "perimeter_m", "outline_error")
_OWN = {*_MEASURED, "fid", "geom", "geometry"}
"""Names that no column may have: ours, and those of numbers and outlines in GeoPackage and GeoParquet."""


@dataclass(frozen=True)
class MapFeature:
    """One mask on the map."""

    geometry: Any
    """A shapely MultiPolygon in the CRS of the image."""
    attributes: dict[str, Any]
    """`id` from 1, `label`, `score`, `area_m2` and `perimeter_m` (outer outlines), both on the ellipsoid,
    `outline_error`, the greatest distance from the exact outline in units of the map, and single values of columns."""


def place_of(instances: Instances, format_name: str) -> Georeference:
    """Return the place of the image.

    Raises:
        OptionError: it has none; the message names the format to write instead.
    """
    place = instances.metadata.get("georeference")
    if place is None:
        raise OptionError(
            f"{instances.image_name} has no place on a map that could be read, and {format_name} needs one; write "
            f"{_INSTEAD.get(format_name, 'coco')}, or open a GeoTIFF with hqsam[geo] installed "
            '(pip install "hqsam[geo]")'
        )
    return place


def map_features(instances: Instances, place: Georeference, **outlines: Any) -> Iterator[MapFeature]:
    """Yield each mask as a feature, one at a time; `outlines` are the options of `map_outlines`."""
    longest_edge, names = longest_edge_for(place.transform), _free_names(instances.columns)
    for row, outline in enumerate(map_outlines(instances, place, **outlines)):
        measured = area_and_perimeter(outline.geometry, place.crs, longest_edge)
        score = instances.known_score(row)
        attributes: dict[str, Any] = {"id": row + 1, "label": instances.labels[row], "score": score}
        attributes |= dict(zip(("area_m2", "perimeter_m"), measured, strict=True)) if measured else {}
        attributes["outline_error"] = outline.error
        more = {name: value for name, value in instances.column_values(row).items() if is_single(value)}
        yield MapFeature(outline.geometry, attributes | {names[name]: value for name, value in more.items()})


def is_measured(name: str) -> bool:
    """Return True for an attribute that is no column of the masks: their number, label, score and measures."""
    return name in _MEASURED


def columns_named(attributes: Iterable[str]) -> dict[str, str]:
    """Return the name of the column that each attribute was, undoing what kept it from hiding another."""
    names: dict[str, str] = {}
    for attribute in attributes:
        name, short = given_name(attribute, _OWN), attribute.removesuffix("_given")
        if short.lower() in {other.lower() for other in names} and short not in names.values():
            name = short  # another has the same letters, with capitals elsewhere
        names[attribute] = name
    return names


def is_single(value: Any) -> bool:
    """Return True for a value that a table's cell can hold."""
    return isinstance(value, str | int | float | bool)


def _free_names(columns: Iterable[str]) -> dict[str, str]:
    """Return the name of the attribute that each column becomes; SQL does not tell capitals from small letters."""
    names: dict[str, str] = {}
    for column in columns:
        name, taken = free_name(column, _OWN), {other.lower() for other in names.values()}
        while name.lower() in taken:
            name += "_given"
        names[column] = name
    return names
