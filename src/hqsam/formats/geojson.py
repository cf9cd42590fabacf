"""GeoJSON as RFC 7946 has it: longitude and latitude on WGS 84, outer rings anticlockwise, holes and parts kept."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from hqsam import optional
from hqsam.errors import DataError
from hqsam.formats import pixel_geojson
from hqsam.formats.file_names import OutputPaths
from hqsam.formats.files import read_json, write_json
from hqsam.formats.left_out import take_each, warn_of
from hqsam.formats.map_features import MapFeature, is_single, map_features, place_of
from hqsam.formats.map_reading import Feature, MapImage, instances_on_map
from hqsam.geo.crs import LONGITUDE_LATITUDE, transform_points
from hqsam.geo.georeference import Georeference
from hqsam.masks.instances import Instances

_DIGITS = 9
"""Decimals of longitude and latitude in degrees: steps of a tenth of a millimetre."""


def write(
    instances: Instances,
    paths: OutputPaths,
    tolerance: float = 0,
    simplify: float = 0,
    orthogonal: bool = False,
) -> list[Path]:
    """Write `IMAGE.geojson`: a feature for each object; `image` has the size, transform and CRS of the image.

    Raises:
        OptionError: the image has no place on a map, or its CRS is not known.
        MissingExtra: hqsam[geo] is not installed.
    """
    place = place_of(instances, "geojson")
    features = map_features(instances, place, tolerance=tolerance, simplify=simplify, orthogonal=orthogonal)
    content = {
        "type": "FeatureCollection",
        "image": MapImage.of(instances, place).to_plain(),
        "features": [_feature(feature, place) for feature in features],
    }
    return [write_json(paths.path(".geojson"), content)]


def read(path: Path) -> list[Instances]:
    """Read a file that `write` wrote, back to pixels; one of version 0.1, which is in pixels, as such.

    Raises:
        DataError: it cannot be read, or does not say how its image lies.
        MissingExtra: hqsam[geo] is not installed.
    """
    content = read_json(path)
    image = content.get("image")
    if not isinstance(image, dict) or "transform" not in image:
        return pixel_geojson.read(path)
    about, features = MapImage.parse(image, path), content.get("features")
    if not isinstance(features, list):
        raise DataError(f"{path} is not GeoJSON as expected: it has no list of features")
    parsed, damaged = take_each(
        ((f"feature {number}", one) for number, one in enumerate(features, start=1)), _parsed, "damaged features"
    )
    warn_of(damaged, path)
    named = ((f"feature {number}", one) for number, one in enumerate(parsed, start=1))
    return [instances_on_map(named, about, path, LONGITUDE_LATITUDE)]


def _feature(feature: MapFeature, place: Georeference) -> dict[str, Any]:
    return {
        "type": "Feature",
        "id": feature.attributes["id"],
        "properties": feature.attributes,
        "geometry": _geometry(feature.geometry, place),
    }


def _geometry(geometry: Any, place: Georeference) -> dict[str, Any] | None:
    """Return a geometry in longitude and latitude; null, as the RFC has it, for an empty one."""
    if geometry.is_empty:
        return None
    shapely = optional.require("shapely", extra="geo")
    geometry = shapely.transform(geometry, lambda points: transform_points(points, place.crs, LONGITUDE_LATITUDE))
    geometry = shapely.transform(shapely.orient_polygons(geometry), lambda points: np.round(points, _DIGITS))
    parts = list(geometry.geoms)
    return json.loads(shapely.to_geojson(parts[0] if len(parts) == 1 else geometry))


def _parsed(feature: dict[str, Any]) -> Feature:
    """Return a feature of a file.

    Raises:
        DataError: its geometry cannot be understood.
    """
    shapely, geometry = optional.require("shapely", extra="geo"), feature.get("geometry")
    try:
        shape = None if geometry is None else shapely.from_geojson(json.dumps(geometry))
    except shapely.errors.ShapelyError as error:
        raise DataError("damaged features") from error
    return shape, {name: value for name, value in (feature.get("properties") or {}).items() if is_single(value)}
