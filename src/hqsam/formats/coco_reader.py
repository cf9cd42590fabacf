"""Reads COCO and LVIS JSON, also as other tools write it. All rooms read annotation files with this.

It takes what can be taken: ids as numbers or as text, outlines that are one flat list or lists of points, images
without a size. What cannot be taken is left out, each with its id and a reason.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pycocotools import mask as coco_mask

from hqsam.errors import DataError
from hqsam.formats.files import read_json
from hqsam.formats.left_out import LeftOut
from hqsam.masks import rle
from hqsam.masks.instances import Instances
from hqsam.masks.rle import Rle

NO_MASK, CROWD, STRAY = "boxes without masks", "crowds", "annotations of images that are not listed"
_PANOPTIC = "panoptic annotations, whose masks are PNG files (folders of images and of those PNG files can be read)"
_EXPECTED = "expected the lists images (id, file_name, height, width) and annotations (image_id, segmentation)"
_NO_CLASS = "object"
_PLURALS = {"image": "images", "annotation": "annotations", "class": "classes"}
_LARGEST_SIDE = 1_000_000
_REACH = 2
"""Outlines may lead out of their image by this many of its sides; further ones would fill the memory."""

Entry = dict[str, Any]


@dataclass(frozen=True)
class CocoFile:
    """The contents of an annotation file in one form."""

    images: list[Entry]
    """Images, each with id, file_name and, where the file states them, height and width as whole numbers."""
    annotations: list[Entry]
    """Each with id, image_id, category_id, iscrowd, score and a segmentation, which `rle_of_segmentation` reads."""
    classes: list[Entry]
    """Each with id and name, also those that the file uses without listing them."""
    left_out: tuple[LeftOut, ...]
    content: Mapping[str, Any]
    """The file's other keys, unchanged."""

    @property
    def categories(self) -> dict[int | str, str]:
        """The classes' names by their ids."""
        return {one["id"]: one["name"] for one in self.classes}

    def by_image(
        self, crowds: Literal["without crowds", "with crowds"] = "without crowds"
    ) -> dict[int | str, list[Entry]]:
        """Return the annotations of each image by its id; images without one have an empty list."""
        found: dict[int | str, list[Entry]] = {image["id"]: [] for image in self.images}
        for annotation in self.annotations:
            if crowds == "with crowds" or not annotation["iscrowd"]:
                found[annotation["image_id"]].append(annotation)
        return found

    @property
    def crowds(self) -> list[LeftOut]:
        """The crowds: groups of objects that are not told apart."""
        return [LeftOut(CROWD, str(one["id"])) for one in self.annotations if one["iscrowd"]]


def read_coco(path: Path) -> CocoFile:
    """Read an annotation file.

    Raises:
        DataError: it cannot be read, or is without the lists that make it one.
    """
    content = read_json(path)
    try:
        return coco_file(content)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{path} is not as COCO has it: {type(error).__name__}: {error}; {_EXPECTED}") from error


def coco_file(content: Mapping[str, Any]) -> CocoFile:
    """Bring the contents of an annotation file into one form."""
    images, damaged = _taken(content["images"], "image", _image)
    images, doubled = _told_apart(images)
    annotations, unusable = _taken(content["annotations"], "annotation", _annotation)
    classes, unnamed = _taken(content.get("categories") or [], "class", _category)
    known = {image["id"] for image in images}
    stray = [LeftOut(STRAY, str(one["id"])) for one in annotations if one["image_id"] not in known]
    annotations = [one for one in annotations if one["image_id"] in known]
    _name_apart(annotations)
    classes += _unlisted_classes(annotations, {one["id"] for one in classes})
    return CocoFile(images, annotations, classes, (*damaged, *doubled, *unnamed, *unusable, *stray), content)


def canonical_id(number: Any) -> int | str:
    """Return an id such that 7, 7.0 and "7" are one.

    Raises:
        ValueError: it is neither a number nor text.
    """
    if isinstance(number, str):
        return int(number) if number.isascii() and number.isdecimal() and str(int(number)) == number else number
    if isinstance(number, bool) or not isinstance(number, int | float) or number != int(number):
        raise ValueError(f"{number!r} is no id")
    return int(number)


def rle_of_segmentation(segmentation: Any, size_hw: tuple[int, int]) -> Rle:
    """Return run lengths of an image's size; polygons are filled as pycocotools does, so that areas agree.

    Raises:
        DataError: it is damaged, of another size, or leads far out of the image. The message is a reason in the plural.
    """
    if isinstance(segmentation, Mapping):
        return _rle_of_runs(segmentation, size_hw)
    rings = _rings(segmentation)
    if not rings:
        return _packed([size_hw[0] * size_hw[1]], size_hw)
    if any(abs(number) > _REACH * max(size_hw) for ring in rings for number in ring):
        raise DataError("outlines that lead far out of their image")
    polygons: Any = rings  # pycocotools' types do not know that it takes polygons
    merged: Any = coco_mask.merge(coco_mask.frPyObjects(polygons, *size_hw))
    return {"size": list(size_hw), "counts": merged["counts"].decode("ascii")}


def mask_or_none(segmentation: Any, size_hw: tuple[int, int]) -> Rle | None:
    """Return run lengths of an image's size; None for a mask that cannot be read."""
    try:
        return rle_of_segmentation(segmentation, size_hw)
    except DataError:
        return None


def instances_of(
    annotations: Sequence[Entry],
    names: Mapping[int | str, str],
    size_hw: tuple[int, int],
    image_name: str = "image",
    empty: Literal["left out", "kept"] = "left out",
) -> tuple[Instances, list[LeftOut]]:
    """Return an image's annotations as instances with the column `id`, and those that have no usable mask."""
    usable: list[Entry] = []
    rles: list[Rle] = []
    left_out: list[LeftOut] = []
    for annotation in annotations:
        try:
            runs = rle_of_segmentation(annotation["segmentation"], size_hw)
            if empty == "left out" and not rle.area(runs):
                raise DataError("masks without pixels")
        except DataError as error:
            left_out.append(LeftOut(str(error), str(annotation["id"])))
            continue
        usable.append(annotation)
        rles.append(runs)
    instances = Instances.from_rle(
        rles,
        size_hw,
        scores=[one["score"] for one in usable],
        labels=[names[one["category_id"]] for one in usable],
        columns={"id": [one["id"] for one in usable], "category_id": [one["category_id"] for one in usable]},
        image_name=image_name,
    )
    return instances, left_out


def _taken(entries: Any, kind: str, take: Callable[[Entry, int], Entry]) -> tuple[list[Entry], list[LeftOut]]:
    if not isinstance(entries, list):
        raise TypeError(f"{_PLURALS[kind]} are {type(entries).__name__}, not a list")
    taken: list[Entry] = []
    left_out: list[LeftOut] = []
    for place, entry in enumerate(entries):
        try:
            taken.append(take(entry, place))
        except DataError as error:  # noqa: PERF203 (a hundredth of what reading the file takes)
            left_out.append(LeftOut(str(error), str(entry.get("id", f"{kind} {place}"))))
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
            left_out.append(LeftOut(f"damaged {_PLURALS[kind]}", _name(entry, kind, place)))
    return taken, left_out


def _name(entry: Any, kind: str, place: int) -> str:
    return str(entry["id"]) if isinstance(entry, dict) and "id" in entry else f"{kind} {place} from 0"


def _category(row: Entry, place: int) -> Entry:
    del place
    return {**row, "id": canonical_id(row["id"]), "name": str(row.get("name", row["id"]))}


def _image(row: Entry, place: int) -> Entry:
    del place
    image = {**row, "id": canonical_id(row["id"]), "file_name": _file_name(row)}
    sides = [_side(row.get(side)) for side in ("height", "width")]
    return image | dict(zip(("height", "width"), sides if all(sides) else (None, None), strict=True))


def _file_name(row: Entry) -> str:
    """LVIS has addresses instead of names; their last two parts are COCO's folder and file."""
    name = row.get("file_name") or "/".join(PurePosixPath(row["coco_url"]).parts[-2:])
    if not isinstance(name, str):
        raise TypeError(f"the file_name {name!r} is no text")
    return name


def _side(stated: Any) -> int | None:
    """Pixels; None where the file does not say."""
    side = 0 if stated is None else int(float(stated))
    if side > _LARGEST_SIDE:
        raise ValueError(f"{side} pixels are more than an image has")
    return side if side > 0 else None


def _annotation(row: Entry, place: int) -> Entry:
    image_id = canonical_id(row["image_id"])
    segmentation = row.get("segmentation")
    if segmentation is None and "segments_info" in row:
        raise DataError(_PANOPTIC)
    if not segmentation or (isinstance(segmentation, list) and not any(segmentation)):
        raise DataError(NO_MASK)
    score = row.get("score")
    return {
        **row,
        "id": canonical_id(row.get("id", f"entry {place}")),
        "image_id": image_id,
        "category_id": None if row.get("category_id") is None else canonical_id(row["category_id"]),
        "iscrowd": int(bool(row.get("iscrowd", 0))),
        "score": None if score is None else float(score),
    }


def _rings(segmentation: Any) -> list[list[float]]:
    """Rings x, y, x, y, ... from those, from one flat ring, or from rings of points."""
    if not isinstance(segmentation, list):
        raise DataError("segmentations that are neither run lengths nor outlines")
    if segmentation and not isinstance(segmentation[0], list):
        segmentation = [segmentation]
    elif len(segmentation) > 2 and all(isinstance(one, list) and len(one) == 2 for one in segmentation):
        segmentation = [[number for point in segmentation for number in point]]
    try:
        rings = [_numbers(ring) for ring in segmentation]
    except (TypeError, ValueError) as error:
        raise DataError("outlines with coordinates that are no numbers") from error
    if any(len(ring) % 2 for ring in rings):
        raise DataError("outlines with an odd number of coordinates")
    return [ring for ring in rings if len(ring) >= 6]  # pycocotools takes four numbers for a box


def _numbers(ring: Any) -> list[float]:
    flat = [number for point in ring for number in point] if ring and isinstance(ring[0], list) else ring
    numbers = [float(number) for number in flat]
    if not all(map(math.isfinite, numbers)):
        raise ValueError("not finite")
    return numbers


def _rle_of_runs(segmentation: Mapping[str, Any], size_hw: tuple[int, int]) -> Rle:
    runs = {"size": list(size_hw), **segmentation}
    try:
        stated = [int(side) for side in runs["size"]]
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError("damaged run lengths") from error
    if stated != list(size_hw):
        raise DataError("masks of another size than their image")
    try:
        return _packed(rle.checked_runs(runs).tolist(), size_hw)
    except DataError as error:
        raise DataError("damaged run lengths") from error


def _packed(runs: list[int], size_hw: tuple[int, int]) -> Rle:
    laid_out: Any = {"size": list(size_hw), "counts": runs}
    packed: Any = coco_mask.frPyObjects(laid_out, *size_hw)
    return {"size": list(size_hw), "counts": packed["counts"].decode("ascii")}


def _told_apart(images: list[Entry]) -> tuple[list[Entry], list[LeftOut]]:
    """Images whose id is theirs alone."""
    seen: dict[int | str, int] = {}
    for image in images:
        seen[image["id"]] = seen.get(image["id"], 0) + 1
    doubled = [LeftOut("images whose id another has", str(number)) for number, count in seen.items() if count > 1]
    return [image for image in images if seen[image["id"]] == 1], doubled


def _name_apart(annotations: list[Entry]) -> None:
    """Give an annotation whose id another has a name of its own."""
    seen: set[int | str] = set()
    for place, annotation in enumerate(annotations):
        if annotation["id"] in seen:
            annotation["id"] = f"{annotation['id']} (entry {place})"
        seen.add(annotation["id"])


def _unlisted_classes(annotations: list[Entry], known: Collection[int | str]) -> list[Entry]:
    """Classes that the file uses and does not list, called by their numbers; "object" where there is none."""
    free = max([number for number in known if isinstance(number, int)], default=0) + 1
    for annotation in annotations:
        if annotation["category_id"] is None:
            annotation["category_id"] = free
    used = dict.fromkeys(one["category_id"] for one in annotations)
    names = {number: _NO_CLASS if number == free else str(number) for number in used if number not in known}
    return [{"id": number, "name": name} for number, name in names.items()]
