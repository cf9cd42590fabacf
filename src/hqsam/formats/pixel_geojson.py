"""GeoJSON in pixels, for images without a place: x to the right and y down from the top left corner.

Holes and parts are kept. Programs for maps would show it off the coast of Africa; for them there is `geojson`.
"""

from pathlib import Path
from typing import Any

import numpy as np

from hqsam.errors import DataError
from hqsam.formats.file_names import OutputPaths
from hqsam.formats.files import read_json, write_json
from hqsam.formats.left_out import take_each, warn_of
from hqsam.masks.instances import Instances
from hqsam.masks.polygons import Polygon, from_polygons, to_polygons


def write(instances: Instances, paths: OutputPaths, tolerance: float = 0) -> list[Path]:
    """Write `IMAGE_pixels.geojson`: one feature for each object, with its label and score as properties."""
    height, width = instances.image_size_hw
    content = {
        "type": "FeatureCollection",
        "image": {"name": instances.image_name, "width": width, "height": height},
        "features": [_feature(instances, row, tolerance) for row in range(len(instances))],
    }
    return [write_json(paths.path("_pixels.geojson"), content)]


def read(path: Path, size_hw: tuple[int, int] | None = None) -> list[Instances]:
    """Read the polygons of a file in pixels; warns of features that are left out, as points and lines are.

    Args:
        path: the file.
        size_hw: the image's size, for a file that hqsam did not write.

    Raises:
        DataError: it cannot be read, or does not say how large the image is.
    """
    content = read_json(path)
    try:
        image = content.get("image") or {}
        if size_hw is None and not image:
            raise DataError(f"{path} does not say how large its image is; pass size_hw")
        size = size_hw or (int(image["height"]), int(image["width"]))
        features = [(f"feature {place}", feature) for place, feature in enumerate(content["features"], start=1)]
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DataError(f"{path} is not GeoJSON as expected: {type(error).__name__}: {error}") from error
    rows, left_out = take_each(features, lambda feature: _instance(feature, size), "damaged features")
    warn_of(left_out, path)
    return [Instances.join([Instances.empty(size, str(image.get("name", path.name))), *rows])]


def _feature(instances: Instances, row: int, tolerance: float) -> dict[str, Any]:
    score = instances.known_score(row)
    properties = {"label": instances.labels[row]} | ({} if score is None else {"score": score})
    geometry = _geometry(to_polygons(instances.mask(row), tolerance))
    return {"type": "Feature", "id": row + 1, "properties": properties, "geometry": geometry}


def _geometry(polygons: list[Polygon]) -> dict[str, Any]:
    """Return a geometry; rings are closed by their first corner, and wind as RFC 7946 asks of x and y."""
    parts = [[[*ring.tolist(), ring[0].tolist()] for ring in polygon.rings] for polygon in polygons]
    if len(parts) == 1:
        return {"type": "Polygon", "coordinates": parts[0]}
    return {"type": "MultiPolygon", "coordinates": parts}


def _instance(feature: dict[str, Any], size_hw: tuple[int, int]) -> Instances:
    geometry: dict[str, Any] = feature.get("geometry") or {}
    match geometry.get("type"):
        case "Polygon":
            parts = [geometry["coordinates"]]
        case "MultiPolygon":
            parts = geometry["coordinates"]
        case _:
            raise DataError("features without a polygon")
    properties = feature.get("properties") or {}
    score = properties.get("score")
    mask = from_polygons([_polygon(rings) for rings in parts], size_hw)
    score = None if score is None else float(score)
    return Instances.from_masks([mask], labels=str(properties.get("label", "object")), scores=[score])


def _polygon(rings: list[list[list[float]]]) -> Polygon:
    exterior, *holes = (np.array(ring, dtype=np.float64)[:-1, :2] for ring in rings)
    if not all(np.isfinite(ring).all() for ring in (exterior, *holes)):
        raise ValueError("a coordinate is not a number")
    return Polygon(exterior, tuple(holes))
