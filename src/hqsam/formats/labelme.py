"""labelme's JSON: polygons that can be edited by hand.

labelme's polygons know no holes: a hole is joined to its outline by a slit that encloses nothing. Several parts
of one object share a `group_id`.
"""

import base64
import io
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hqsam.errors import DataError
from hqsam.formats.file_names import OutputPaths
from hqsam.formats.files import read_json, size_of_picture, write_json
from hqsam.formats.image_lookup import ImageLookup, folders_around
from hqsam.formats.left_out import LeftOut, take_each, warn_of
from hqsam.images.image_info import IMAGE_SUFFIXES
from hqsam.masks.instances import Instances
from hqsam.masks.polygons import Corners, along_edges, as_one_ring, to_polygons
from hqsam.masks.rasterize import fill_even_odd
from hqsam.masks.runs import runs_from_rle, union

_VERSION = "5.5.0"
"""The version of labelme that this was checked against."""
_ENDS = 1 << 16
"""Bytes of a file's beginning and end that are looked at to tell whose it is."""
_REACH = 2
"""Shapes may lead out of their image by this many of its sides."""


def write(
    instances: Instances, paths: OutputPaths, tolerance: float = 0, corners: Corners = "pixel_centres"
) -> list[Path]:
    """Write `IMAGE.json`, to be laid beside the image. An object with an empty mask gets no shape.

    Args:
        instances: the masks.
        paths: where to write.
        tolerance: see `masks.polygons`; 1 makes outlines that are pleasant to edit.
        corners: within the outermost pixels, as labelme reads them, which draws the outline as well; or along
            "pixel_edges". `read` tells them apart.
    """
    height, width = instances.image_size_hw
    shapes = [shape for row in range(len(instances)) for shape in _shapes(instances, row, tolerance, corners)]
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
    """Read polygons, rectangles, circles and masks; warns of shapes that are left out.

    Shapes of one label and one `group_id` are one object. Where the file does not state the image's size, as those of
    labelme 3, the image beside it is measured, or the one in the file.

    Raises:
        DataError: it cannot be read, is not as labelme has it, or the image's size cannot be found out.
    """
    instances, left_out = read_shapes(path)
    warn_of(left_out, path)
    return [instances]


def read_shapes(path: Path, size_hw: tuple[int, int] | None = None) -> tuple[Instances, list[LeftOut]]:
    """Return the masks of a file, and the shapes that have none; `size_hw` is the image's, for files without it.

    Raises:
        DataError: it cannot be read, is not as labelme has it, or the image's size cannot be found out.
    """
    content = read_json(path)
    try:
        size_hw = _size(content, path, size_hw)
        entries = [(f"shape {place}", shape) for place, shape in enumerate(content["shapes"], start=1)]
        name = str(content.get("imagePath") or path.name).replace("\\", "/")
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, OSError) as error:
        raise DataError(f"{path} is not as labelme has it: {type(error).__name__}: {error}") from error
    parts, left_out = take_each(entries, lambda shape: _part(shape, size_hw), "damaged shapes")
    groups: dict[Any, list[Instances]] = {}
    for place, (group, part) in enumerate(parts):
        groups.setdefault(place if group is None else (*part.labels, group), []).append(part)
    return Instances.join([Instances.empty(size_hw, name), *map(_joined, groups.values())]), left_out


def image_of(path: Path) -> Path | None:
    """Return the image that a file is about: the one that it names, found beside it, or one of its own name."""
    name = str(read_json(path).get("imagePath") or "")
    names = [name, *(f"{path.stem}{suffix}" for suffix in IMAGE_SUFFIXES)]
    lookup = ImageLookup(folders_around(path))
    return next((found for each in names if each and (found := lookup.find(each)) is not None), None)


def looks_like_labelme(path: Path) -> bool:
    """Return True if a JSON file has labelme's keys at its beginning or end: shapes may fill the middle."""
    try:
        with path.open("rb") as file:
            start = file.read(_ENDS)
            file.seek(max(0, path.stat().st_size - _ENDS))
            ends = start + file.read()
    except OSError:
        return False
    keys = (b'"shapes"', b'"points"', b'"imagePath"', b'"imageData"', b'"imageHeight"')
    return start.lstrip().startswith(b"{") and sum(key in ends for key in keys) > 1


def _size(content: dict[str, Any], path: Path, known_hw: tuple[int, int] | None) -> tuple[int, int]:
    if content.get("imageHeight") and content.get("imageWidth"):
        return int(content["imageHeight"]), int(content["imageWidth"])
    if known_hw is not None:
        return known_hw
    if content.get("imageData"):
        with Image.open(io.BytesIO(base64.b64decode(content["imageData"]))) as image:
            return image.height, image.width
    image = image_of(path)
    if image is None:
        raise DataError(f"{path} does not say how large its image is, and {content.get('imagePath')} is not there")
    return size_of_picture(image)


def _shapes(instances: Instances, row: int, tolerance: float, corners: Corners) -> list[dict[str, Any]]:
    polygons, known = to_polygons(instances.mask(row), tolerance, corners), instances.known_score(row)
    score = {} if known is None else {"score": known}
    return [
        {
            "label": instances.labels[row],
            "points": np.round(as_one_ring([polygon]).astype(float), 1).tolist(),
            "group_id": row + 1 if len(polygons) > 1 else None,
            "description": "",
            "shape_type": "polygon",
            "flags": {},
            "mask": None,
            **score,
        }
        for polygon in polygons
    ]


def _part(shape: dict[str, Any], size_hw: tuple[int, int]) -> tuple[str | None, Instances]:
    """Return a shape's group and its mask."""
    score, group = shape.get("score"), shape.get("group_id")
    scores = [None if score is None else float(score)]
    part = Instances.from_masks([_mask(shape, size_hw)], labels=str(shape["label"]), scores=scores)
    return None if group is None else repr(group), part


def _joined(parts: list[Instances]) -> Instances:
    """Return the parts of one object as one mask; its score is the first part's."""
    if len(parts) == 1:
        return parts[0]
    runs = union([runs_from_rle(part.rle[0]) for part in parts])
    return replace(parts[0], encoded=(runs.to_rle(parts[0].image_size_hw),))


def _mask(shape: dict[str, Any], size_hw: tuple[int, int]) -> np.ndarray:
    points = np.array(shape["points"], dtype=np.float64).reshape(-1, 2)
    kind = shape.get("shape_type") or "polygon"
    if not np.isfinite(points).all():
        raise DataError("shapes with points that are no numbers")
    if kind != "mask" and (np.abs(points) > _REACH * max(size_hw)).any():
        raise DataError("shapes that lead far out of their image")
    match kind:
        case "polygon" | "oriented_rectangle" if len(points) >= 3:
            return fill_even_odd([along_edges(points)], size_hw)
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
            raise DataError("shapes that enclose nothing")


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
