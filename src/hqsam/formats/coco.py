"""COCO's annotation JSON, for one image or many; exact, as run lengths."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from hqsam.formats.coco_reader import Entry, instances_of, read_coco
from hqsam.formats.file_names import OutputPaths
from hqsam.formats.files import size_of_picture, write_json
from hqsam.formats.image_lookup import ImageLookup, folders_around
from hqsam.formats.left_out import LeftOut, warn_of
from hqsam.masks.columns import given_name
from hqsam.masks.instances import Instances
from hqsam.masks.polygons import as_one_ring, to_polygons

Outlines = Literal["runs", "polygons"]
"""The form of masks: run lengths are exact and short; polygons are what some tools ask for."""


_KNOWN = {"id", "image_id", "category_id", "segmentation", "area", "bbox", "iscrowd", "score"}
_OWN = _KNOWN - {"iscrowd"}
"""Keys that no column may hide; the column `iscrowd` is what `read` makes of crowds."""


def write(instances: Instances, paths: OutputPaths, outlines: Outlines = "runs", tolerance: float = 0) -> list[Path]:
    """Write `IMAGE_coco.json`: all masks as run lengths, with further columns."""
    return [write_dataset([instances], paths.path("_coco.json"), outlines, tolerance)]


def write_dataset(
    images: Sequence[Instances],
    path: Path,
    outlines: Outlines = "runs",
    tolerance: float = 0,
    category_ids: Mapping[str, int] | None = None,
) -> Path:
    """Write the masks of all images into one file; see `to_coco`."""
    return write_json(path, to_coco(images, outlines, tolerance, category_ids))


def to_coco(
    images: Sequence[Instances],
    outlines: Outlines = "runs",
    tolerance: float = 0,
    category_ids: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Return the content of the file. Ids count from 1 in the order given.

    Args:
        images: the masks of each image.
        outlines: polygons have one ring for each part; a hole is joined to it by a slit that encloses nothing,
            because COCO's polygons know no holes.
        tolerance: for polygons, see `masks.polygons`.
        category_ids: the number of each class; all of them are in the file, used or not. By default the classes in
            use, from 1 in alphabetical order.
    """
    if category_ids is None:
        labels = sorted({label for instances in images for label in instances.labels})
        category_ids = {label: number for number, label in enumerate(labels, start=1)}
    annotations: list[dict[str, Any]] = []
    for image_id, instances in enumerate(images, start=1):
        for row, label in enumerate(instances.labels):
            ids = {"id": len(annotations) + 1, "image_id": image_id, "category_id": category_ids[label]}
            annotations.append(ids | annotation_of(instances, row, outlines, tolerance))
    return {
        "info": {"description": "Written by hqsam", "version": "1.0"},
        "licenses": [],
        "images": [
            image_entry(number, instances.image_name, instances.image_size_hw)
            for number, instances in enumerate(images, start=1)
        ],
        "annotations": annotations,
        "categories": [{"id": number, "name": label, "supercategory": ""} for label, number in category_ids.items()],
    }


def read(path: Path) -> list[Instances]:
    """Read every image of the file, in its order, with its masks, crowds included.

    What else the file says of annotations, such as `stability_score`, becomes columns. What cannot be taken is left
    out, and a `DataWarning` says what.

    Raises:
        DataError: it cannot be read, or is no COCO file.
    """
    file = read_coco(path)
    left_out, found = list(file.left_out), []
    by_image = file.by_image("with crowds")
    lookup = ImageLookup(folders_around(path))
    for image in file.images:
        annotations = by_image[image["id"]]
        size_hw = _size(image, annotations, lookup)
        if size_hw is None:
            left_out.append(LeftOut("images without a size", str(image["id"])))
            continue
        instances, unusable = instances_of(annotations, file.categories, size_hw, image["file_name"], "kept")
        left_out += unusable
        found.append(_with_facts(instances, {annotation["id"]: annotation for annotation in annotations}))
    warn_of(left_out, path)
    return found


def _size(image: Entry, annotations: Sequence[Entry], lookup: ImageLookup) -> tuple[int, int] | None:
    """Height and width as the file states them, or run lengths, or the image itself; None if none is there."""
    if image["height"]:
        return image["height"], image["width"]
    runs = [one["segmentation"] for one in annotations if isinstance(one["segmentation"], dict)]
    if runs and "size" in runs[0]:
        return runs[0]["size"][0], runs[0]["size"][1]
    path = lookup.find(image["file_name"])
    return None if path is None else size_of_picture(path)


def _with_facts(instances: Instances, annotations: Mapping[int | str, Entry]) -> Instances:
    """Return instances with a column for each further fact in annotations."""
    rows = [annotations[number] for number in instances.columns["id"]]
    names = dict.fromkeys(
        name for row in rows for name, value in row.items() if name not in _KNOWN or (name == "iscrowd" and value)
    )
    return replace(instances, columns={given_name(name, _OWN): tuple(row.get(name) for row in rows) for name in names})


def image_entry(number: int, name: str, size_hw: tuple[int, int]) -> dict[str, Any]:
    """Return the entry of an image."""
    return {"id": number, "file_name": name, "height": size_hw[0], "width": size_hw[1]}


def annotation_of(instances: Instances, row: int, outlines: Outlines = "runs", tolerance: float = 0) -> dict[str, Any]:
    """Return the annotation of a mask without ids; see `to_coco`."""
    (x0, y0, x1, y1), score = instances.boxes[row].tolist(), instances.known_score(row)
    content = {
        "segmentation": instances.rle[row] if outlines == "runs" else _rings(instances.mask(row), tolerance),
        "area": int(instances.areas[row]),
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "iscrowd": 0,
        **instances.column_values(row, _OWN),
    }
    return content if score is None else content | {"score": score}


def _rings(mask: np.ndarray, tolerance: float) -> list[list[float]]:
    return [as_one_ring([polygon]).ravel().tolist() for polygon in to_polygons(mask, tolerance)]
