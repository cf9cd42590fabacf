"""COCO's annotation JSON, for one photo or many; exact, as run lengths."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pycocotools import mask as coco_mask

from hqsam.errors import DataError
from hqsam.formats.file_names import OutputPaths
from hqsam.formats.files import read_json, write_json
from hqsam.masks import rle
from hqsam.masks.instances import Instances
from hqsam.masks.polygons import as_one_ring, to_polygons

Outlines = Literal["runs", "polygons"]
"""How masks are said: run lengths are exact and short; polygons are what some tools ask for."""


def write(instances: Instances, paths: OutputPaths, outlines: Outlines = "runs", tolerance: float = 0) -> list[Path]:
    """Write `photo_coco.json`."""
    return [write_dataset([instances], paths.path("_coco.json"), outlines, tolerance)]


def write_dataset(images: Sequence[Instances], path: Path, outlines: Outlines = "runs", tolerance: float = 0) -> Path:
    """Write the masks of all images into one file."""
    return write_json(path, to_coco(images, outlines, tolerance))


def to_coco(images: Sequence[Instances], outlines: Outlines = "runs", tolerance: float = 0) -> dict[str, Any]:
    """Return the content of the file. Ids count from 1 in the order given; categories are in alphabetical order.

    Args:
        images: the masks of each image.
        outlines: polygons have one ring for each part; a hole is joined to it by a slit that encloses nothing,
            because COCO's polygons know no holes.
        tolerance: for polygons, see `masks.polygons`.
    """
    labels = sorted({label for instances in images for label in instances.labels})
    category_ids = {label: number for number, label in enumerate(labels, start=1)}
    annotations: list[dict[str, Any]] = []
    for image_id, instances in enumerate(images, start=1):
        for row, label in enumerate(instances.labels):
            ids = {"id": len(annotations) + 1, "image_id": image_id, "category_id": category_ids[label]}
            annotations.append(ids | _annotation(instances, row, outlines, tolerance))
    return {
        "info": {"description": "Written by hqsam", "version": "1.0"},
        "licenses": [],
        "images": [_image(number, instances) for number, instances in enumerate(images, start=1)],
        "annotations": annotations,
        "categories": [{"id": number, "name": label, "supercategory": ""} for label, number in category_ids.items()],
    }


def read(path: Path) -> list[Instances]:
    """Read every image of the file, in its order, with its masks; annotations without a mask are skipped.

    Raises:
        DataError: it cannot be read, or an annotation does not fit its photo.
    """
    content = read_json(path)
    try:
        names = {category["id"]: str(category["name"]) for category in content.get("categories", [])}
        images = {image["id"]: image for image in content["images"]}
        rows = {number: [Instances.empty(_size(image), str(image["file_name"]))] for number, image in images.items()}
        for annotation in content["annotations"]:
            if annotation.get("segmentation"):
                rows[annotation["image_id"]].append(_instance(annotation, images[annotation["image_id"]], names))
        return [Instances.join(parts) for parts in rows.values()]
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DataError(f"{path} is not as COCO has it: {type(error).__name__}: {error}") from error


def _image(number: int, instances: Instances) -> dict[str, Any]:
    height, width = instances.image_size_hw
    return {"id": number, "file_name": instances.image_name, "height": height, "width": width}


def _annotation(instances: Instances, row: int, outlines: Outlines, tolerance: float) -> dict[str, Any]:
    (x0, y0, x1, y1), score = instances.boxes[row].tolist(), instances.known_score(row)
    content = {
        "segmentation": instances.rle[row] if outlines == "runs" else _rings(instances.mask(row), tolerance),
        "area": int(instances.areas[row]),
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "iscrowd": 0,
        **instances.column_values(row),
    }
    return content if score is None else content | {"score": score}


def _rings(mask: np.ndarray, tolerance: float) -> list[list[float]]:
    return [as_one_ring([polygon]).ravel().tolist() for polygon in to_polygons(mask, tolerance)]


def _size(image: dict[str, Any]) -> tuple[int, int]:
    return int(image["height"]), int(image["width"])


def _instance(annotation: dict[str, Any], image: dict[str, Any], names: dict[Any, str]) -> Instances:
    label = names.get(annotation["category_id"], str(annotation["category_id"]))
    mask = mask_of_segmentation(annotation["segmentation"], _size(image))
    score = annotation.get("score")
    return Instances.from_masks([mask], labels=label, scores=[None if score is None else float(score)])


def mask_of_segmentation(segmentation: Any, size_hw: tuple[int, int]) -> np.ndarray:
    """Run lengths, or polygons as pycocotools fills them, so that areas agree with everyone else's."""
    if isinstance(segmentation, dict):
        return rle.decode(segmentation)
    if not isinstance(segmentation, list):
        raise ValueError(f"a segmentation is {segmentation!r}, and run lengths or a list of polygons were expected")
    # pycocotools takes four numbers for a box; two corners enclose nothing.
    rings = [[float(number) for number in ring] for ring in segmentation if len(ring) >= 6]
    if any(len(ring) % 2 for ring in rings):
        raise ValueError("a polygon has an odd number of coordinates")
    if not rings:
        return np.zeros(size_hw, bool)
    polygons: Any = rings  # pycocotools' types do not know that it takes polygons
    parts: Any = coco_mask.frPyObjects(polygons, *size_hw)
    return rle.decode(coco_mask.merge(parts))
