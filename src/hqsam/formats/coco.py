"""COCO's annotation JSON, for one photo or many; exact, as run lengths."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pycocotools import mask as coco_mask

from hqsam.errors import DataError
from hqsam.formats.document import Document, MaskedObject, labels_of
from hqsam.formats.files import read_json, write_json
from hqsam.masks import rle
from hqsam.masks.polygons import as_one_ring, to_polygons

Outlines = Literal["runs", "polygons"]
"""How masks are said: run lengths are exact and short; polygons are what some tools ask for."""


def write(document: Document, folder: Path, outlines: Outlines = "runs", tolerance: float = 0) -> list[Path]:
    """`photo_coco.json`."""
    return [write_dataset([document], document.path(folder, "_coco.json"), outlines, tolerance)]


def write_dataset(documents: Sequence[Document], path: Path, outlines: Outlines = "runs", tolerance: float = 0) -> Path:
    """All photos in one file."""
    return write_json(path, to_coco(documents, outlines, tolerance))


def to_coco(documents: Sequence[Document], outlines: Outlines = "runs", tolerance: float = 0) -> dict[str, Any]:
    """The content of the file. Numbers count from 1 in the order given; categories are in alphabetical order.

    Args:
        documents: the photos.
        outlines: polygons have one ring for each part; a hole is joined to it by a slit that encloses nothing,
            because COCO's polygons know no holes.
        tolerance: for polygons, see `masks.polygons`.
    """
    labels = labels_of(documents)
    category_ids = {label: number for number, label in enumerate(labels, start=1)}
    annotations: list[dict[str, Any]] = []
    for image_id, document in enumerate(documents, start=1):
        for one in document.objects:
            ids = {"id": len(annotations) + 1, "image_id": image_id, "category_id": category_ids[one.label]}
            annotations.append(ids | _annotation(one, outlines, tolerance))
    return {
        "info": {"description": "Written by hqsam", "version": "1.0"},
        "licenses": [],
        "images": [_image(number, document) for number, document in enumerate(documents, start=1)],
        "annotations": annotations,
        "categories": [{"id": number, "name": label, "supercategory": ""} for label, number in category_ids.items()],
    }


def read(path: Path) -> list[Document]:
    """Every photo of the file, in its order, with its objects. Annotations without a mask are passed over.

    Raises:
        DataError: it cannot be read, or an annotation does not fit its photo.
    """
    content = read_json(path)
    try:
        names = {category["id"]: str(category["name"]) for category in content.get("categories", [])}
        images = {image["id"]: image for image in content["images"]}
        objects: dict[Any, list[MaskedObject]] = {number: [] for number in images}
        for annotation in content["annotations"]:
            if annotation.get("segmentation"):
                one = _masked_object(annotation, images[annotation["image_id"]], names)
                objects[annotation["image_id"]].append(one)
        return [
            Document(str(image["file_name"]), _size(image), tuple(objects[number])) for number, image in images.items()
        ]
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DataError(f"{path} is not as COCO has it: {type(error).__name__}: {error}") from error


def _image(number: int, document: Document) -> dict[str, Any]:
    height, width = document.size_hw
    return {"id": number, "file_name": document.image_name, "height": height, "width": width}


def _annotation(one: MaskedObject, outlines: Outlines, tolerance: float) -> dict[str, Any]:
    x0, y0, x1, y1 = one.box_xyxy.tolist()
    content = {
        "segmentation": one.runs if outlines == "runs" else _rings(one.mask, tolerance),
        "area": one.area,
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "iscrowd": 0,
        **one.more,
    }
    return content if one.score is None else content | {"score": one.score}


def _rings(mask: np.ndarray, tolerance: float) -> list[list[float]]:
    return [as_one_ring([polygon]).ravel().tolist() for polygon in to_polygons(mask, tolerance)]


def _size(image: dict[str, Any]) -> tuple[int, int]:
    return int(image["height"]), int(image["width"])


def _masked_object(annotation: dict[str, Any], image: dict[str, Any], names: dict[Any, str]) -> MaskedObject:
    label = names.get(annotation["category_id"], str(annotation["category_id"]))
    mask = mask_of_segmentation(annotation["segmentation"], _size(image))
    score = annotation.get("score")
    return MaskedObject.of(mask, label, None if score is None else float(score))


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
