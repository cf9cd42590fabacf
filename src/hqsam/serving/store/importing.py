"""Import: masks of other tools, to be corrected: COCO JSON for many images, a PNG for one.

`formats` reads the files; before that their sizes are compared with those of the images, because a few bytes can claim
a mask of gigabytes.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from hqsam.errors import DataError
from hqsam.formats import coco, label_map, png
from hqsam.formats.files import read_json, read_picture, write_json
from hqsam.masks.instances import Instances
from hqsam.serving.store import image_files
from hqsam.serving.store.annotations import AnnotationContent, AnnotationTable
from hqsam.serving.store.classes import ClassTable
from hqsam.serving.store.tables import ImageRow


@dataclass(frozen=True)
class ImportResult:
    """The outcome of an import."""

    annotations: int
    """How many were added."""
    images: list[int]
    """Images that got some."""
    unmatched: list[str]
    """Images of the file that are not here, or are of another size."""


def import_coco(path: Path, rows: list[ImageRow], annotations: AnnotationTable, classes: ClassTable) -> ImportResult:
    """Add the annotations of a COCO file to the images that it names.

    Raises:
        DataError: the file is not COCO.
    """
    content = read_json(path)
    matched, unmatched = _matched(content, _finder(rows))
    _keep_only(content, matched)
    parts = coco.read(write_json(path, content))
    ids = [matched[image["id"]].id for image in content["images"]]
    count = sum(_add(image_id, one, annotations, classes) for image_id, one in zip(ids, parts, strict=True))
    return ImportResult(
        annotations=count,
        images=[image_id for image_id, one in zip(ids, parts, strict=True) if len(one)],
        unmatched=unmatched,
    )


def import_png(
    path: Path, row: ImageRow, max_pixels: int, annotations: AnnotationTable, classes: ClassTable
) -> ImportResult:
    """Add the mask, or the numbered objects, of a PNG to one image.

    Raises:
        DataError: it is neither, or of another size than the image.
    """
    size = image_files.size_of(path, max_pixels)
    if size != (row.height, row.width):
        raise DataError(
            f"the picture is {size[1]} x {size[0]} and the image {row.width} x {row.height}; a mask has to be of the "
            "upright image's size"
        )
    found = _read_png(path)
    count = _add(row.id, found, annotations, classes)
    return ImportResult(annotations=count, images=[row.id] if count else [], unmatched=[])


def _read_png(path: Path) -> Instances:
    if "objects" in read_picture(path)[1]:  # as we write label maps
        return label_map.read(path)[0]
    try:
        return png.read(path)[0]
    except DataError:
        return label_map.read(path)[0]


def _finder(rows: list[ImageRow]) -> Callable[[str], ImageRow | None]:
    """Return a function that finds an image by its whole name or, if only one has that, by its last part."""
    whole = {row.name: row for row in rows}
    last: dict[str, list[ImageRow]] = {}
    for row in rows:
        last.setdefault(PurePosixPath(row.name).name, []).append(row)

    def find(name: str) -> ImageRow | None:
        known = whole.get(name)
        alike = last.get(PurePosixPath(name.replace("\\", "/")).name, [])
        return known or (alike[0] if len(alike) == 1 else None)

    return find


def _matched(content: dict[str, Any], find: Callable[[str], ImageRow | None]) -> tuple[dict[Any, ImageRow], list[str]]:
    """Return our image for each image of the file, and the names of those without one of that size."""
    matched: dict[Any, ImageRow] = {}
    unmatched = []
    try:
        for image in content["images"]:
            row = find(str(image["file_name"]))
            if row is not None and (int(image["height"]), int(image["width"])) == (row.height, row.width):
                matched[image["id"]] = row
            else:
                unmatched.append(str(image["file_name"]))
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        raise DataError(f"the file is not as COCO has it: {type(error).__name__}: {error}") from error
    return matched, unmatched


def _keep_only(content: dict[str, Any], matched: dict[Any, ImageRow]) -> None:
    """Remove from the content what is not about our images; check that annotations lie inside of them."""
    try:
        content["images"] = [image for image in content["images"] if image["id"] in matched]
        content["annotations"] = [one for one in content["annotations"] if one["image_id"] in matched]
        for one in content["annotations"]:
            _check_extent(one.get("segmentation"), matched[one["image_id"]])
    except (LookupError, TypeError, AttributeError) as error:
        raise DataError(f"the file is not as COCO has it: {type(error).__name__}: {error}") from error


def _check_extent(segmentation: Any, row: ImageRow) -> None:
    if isinstance(segmentation, dict) and list(segmentation.get("size", [])) != [row.height, row.width]:
        raise DataError(f"{row.name} has a mask of {segmentation.get('size')}, and is {[row.height, row.width]}")
    if isinstance(segmentation, list):
        furthest = 2 * max(row.width, row.height)
        for ring in segmentation:
            if not all(math.isfinite(number) and abs(number) <= furthest for number in ring):
                raise DataError(f"{row.name} has an outline that leads far out of the image")


def _add(image_id: int, found: Instances, annotations: AnnotationTable, classes: ClassTable) -> int:
    contents = [_content(one) for one in found if one.areas[0]]
    annotations.add(image_id, [(None, one) for one in contents])
    return len(contents)


def _content(one: Instances) -> AnnotationContent:
    x0, y0, x1, y1 = one.boxes[0].tolist()
    label = "".join(letter for letter in one.labels[0] if letter >= " " and letter != "\x7f")[:200] or "object"
    score = one.known_score(0)
    return AnnotationContent(
        class_name=label,
        rle=one.rle[0],
        box=(x0, y0, x1, y1),
        area=int(one.areas[0]),
        source="import",
        score=score if score is not None and math.isfinite(score) else None,
        prompts=[],
    )
