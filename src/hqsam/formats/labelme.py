"""labelme's JSON: polygons that can be edited by hand.

labelme's polygons know no holes: a hole is joined to its outline by a slit that encloses nothing. Several parts
of one object share a `group_id`.
"""

import base64
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hqsam.errors import DataError
from hqsam.formats.file_names import OutputPaths
from hqsam.formats.files import read_json, write_json
from hqsam.masks.instances import Instances
from hqsam.masks.polygons import as_one_ring, to_polygons
from hqsam.masks.rasterize import fill_even_odd

_VERSION = "5.5.0"
"""The version of labelme that this was checked against."""


def write(instances: Instances, paths: OutputPaths, tolerance: float = 0) -> list[Path]:
    """Write `photo.json`, to be laid beside the image. An object with an empty mask gets no shape.

    Args:
        instances: the masks.
        paths: where to write.
        tolerance: see `masks.polygons`; 1 makes outlines that are pleasant to edit.
    """
    height, width = instances.image_size_hw
    shapes = [shape for row in range(len(instances)) for shape in _shapes(instances, row, tolerance)]
    content = {
        "version": _VERSION,
        "flags": {},
        "shapes": shapes,
        "imagePath": instances.image_name,
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }
    return [write_json(paths.path(".json"), content)]


def read(path: Path) -> list[Instances]:
    """Read polygons, rectangles, circles and masks; shapes that enclose nothing (points, lines) are skipped.

    Shapes of one label and one `group_id` are one object.

    Raises:
        DataError: it cannot be read, or is not as labelme has it.
    """
    content = read_json(path)
    try:
        size_hw = int(content["imageHeight"]), int(content["imageWidth"])
        groups: dict[Any, list[dict[str, Any]]] = {}
        for place, shape in enumerate(content["shapes"]):
            key = place if shape.get("group_id") is None else (shape["label"], shape["group_id"])
            groups.setdefault(key, []).append(shape)
        rows = [one for shapes in groups.values() if (one := _instance(shapes, size_hw)) is not None]
        name = str(content.get("imagePath") or path.name).replace("\\", "/")
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, OSError) as error:
        raise DataError(f"{path} is not as labelme has it: {type(error).__name__}: {error}") from error
    return [Instances.join([Instances.empty(size_hw, name), *rows])]


def _shapes(instances: Instances, row: int, tolerance: float) -> list[dict[str, Any]]:
    polygons, known = to_polygons(instances.mask(row), tolerance), instances.known_score(row)
    score = {} if known is None else {"score": known}
    return [
        {
            "label": instances.labels[row],
            "points": as_one_ring([polygon]).astype(float).tolist(),
            "group_id": row + 1 if len(polygons) > 1 else None,
            "description": "",
            "shape_type": "polygon",
            "flags": {},
            "mask": None,
            **score,
        }
        for polygon in polygons
    ]


def _instance(shapes: list[dict[str, Any]], size_hw: tuple[int, int]) -> Instances | None:
    masks = [mask for mask in (_mask(shape, size_hw) for shape in shapes) if mask is not None]
    if not masks:
        return None
    score = shapes[0].get("score")
    scores = [None if score is None else float(score)]
    return Instances.from_masks([np.logical_or.reduce(masks)], labels=str(shapes[0]["label"]), scores=scores)


def _mask(shape: dict[str, Any], size_hw: tuple[int, int]) -> np.ndarray | None:
    points = np.array(shape["points"], dtype=np.float64).reshape(-1, 2)
    if not np.isfinite(points).all():
        raise ValueError("a point is not a number")
    match shape.get("shape_type") or "polygon":
        case "polygon" | "oriented_rectangle" if len(points) >= 3:
            return fill_even_odd([points], size_hw)
        case "rectangle":
            (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
            return fill_even_odd([np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])], size_hw)
        case "circle":
            (x, y), radius = points[0], math.dist(*points[:2])
            rows, columns = np.ogrid[: size_hw[0], : size_hw[1]]
            return np.hypot(columns + 0.5 - x, rows + 0.5 - y) < radius
        case "mask":
            return _pasted(shape["mask"], points, size_hw)
        case _:
            return None


def _pasted(encoded: str, points: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """Return a mask of the image's size from a small PNG that lies where its first point says."""
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        patch = np.asarray(image.convert("L")) > 0
    left, top = np.rint(points[0]).astype(int).tolist()
    canvas = np.pad(np.zeros(size_hw, bool), ((patch.shape[0],) * 2, (patch.shape[1],) * 2))
    y, x = top + patch.shape[0], left + patch.shape[1]
    if 0 <= y <= size_hw[0] + patch.shape[0] and 0 <= x <= size_hw[1] + patch.shape[1]:
        canvas[y : y + patch.shape[0], x : x + patch.shape[1]] = patch
    return canvas[patch.shape[0] :, patch.shape[1] :][: size_hw[0], : size_hw[1]]
