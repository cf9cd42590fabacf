"""Datasets with a YOLO label file for each image, as Ultralytics, Roboflow, CVAT and our export lay them out.

data.yaml                                 names the folders of the parts and the classes; where it is missing:
images/train/a.jpg, labels/train/a.txt    or val, valid, test; or without parts
train/images/a.jpg, train/labels/a.txt
a.jpg, a.txt, classes.txt                 side by side
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from hqsam.data.annotated_image import AnnotatedImage
from hqsam.data.dataset import MaskDataset
from hqsam.data.hqseg44k import Split
from hqsam.data.issues import DataIssue
from hqsam.errors import DataError
from hqsam.formats import yolo
from hqsam.formats.file_names import is_there
from hqsam.formats.image_lookup import local_name
from hqsam.images.image_info import is_image_name

_PARTS: dict[Split, tuple[str, ...]] = {
    "training": ("train", "training"),
    "validation": ("val", "valid", "validation", "test"),
}
_MOST_LABELS = 1000
"""Label files that are looked at for boxes."""


def open_yolo(path: Path, split: Split = "training") -> MaskDataset | None:
    """Open a part of a YOLO dataset, or all of it where it has no parts; None if there are no label files.

    Args:
        path: the folder, or the YAML that lists its parts.
        split: the part.

    Raises:
        DataError: the YAML cannot be read.
    """
    folder, table = _table_of(path)
    part, images = _part_of(folder, table, split)
    labels = {image: label for image in images if (label := _label_of(image)) is not None}
    if not labels or not any(map(_has_outlines, labels.values())):
        return None
    names = yolo.names_of(table) or yolo.class_names(next(iter(labels.values())))
    name = folder.resolve().name
    missing = [
        DataIssue("no_mask", f"{name}/{_name(image, folder)}", str(image)) for image in images if image not in labels
    ]
    known = set(labels.values())
    missing += [
        DataIssue("no_image", f"{name}/{_name(label, folder)}", str(label))
        for place in sorted({label.parent for label in known})
        for label in sorted(place.glob("*.txt"))
        if label not in known and yolo.image_of(label) is None and _has_outlines(label)
    ]
    items = [
        AnnotatedImage(
            image, f"{name}/{_name(image, folder)}", partial(yolo.read_lines, label, names=names), label_file=label
        )
        for image, label in labels.items()
    ]
    about = f"YOLO outlines{f' of {part}' * bool(part)}, {len(names) or 'no'} named classes"
    return MaskDataset(name=name, items=tuple(items), about=about, issues=tuple(missing))


def _table_of(path: Path) -> tuple[Path, Mapping[str, Any]]:
    """Return the dataset's folder and its YAML's contents, if it has one with classes."""
    if path.is_file():
        return path.parent, yolo.read_table(path)
    return path, yolo.table_in(path)


def _part_of(folder: Path, table: Mapping[str, Any], split: Split) -> tuple[str, list[Path]]:
    """Return the part's name and its images; an empty name and all images where there are no parts."""
    for part in (*_PARTS[split], *(one for parts in _PARTS.values() for one in parts)):
        places = [yolo.folder_in(folder, *place) for place in (("images", part), (part, "images"), (part,))]
        if images := [*_listed(folder, table, part)] or [*_first_with_images(places)]:
            return part, images
    return "", [*_first_with_images([yolo.folder_in(folder, "images")])] or _images_in(folder)


def _listed(folder: Path, table: Mapping[str, Any], part: str) -> Iterator[Path]:
    """Yield the images of a part as the YAML lists them: folders, or text files with a line for each image."""
    listed = table.get(part) or []
    root = folder / local_name(str(table.get("path") or ""))
    for name in listed if isinstance(listed, list) else [listed]:
        places = [base / local_name(str(name)) for base in (root, folder)]
        place = next((place for place in places if place.exists()), places[0])
        if place.is_dir():
            yield from _images_in(place)
        elif place.suffix == ".txt" and place.is_file():
            lines = [local_name(line) for line in place.read_text("utf-8").splitlines() if line.strip()]
            yield from (image for line in lines for base in (place.parent, root) if is_there(image := base / line))


def _first_with_images(places: Iterable[Path]) -> Iterator[Path]:
    return iter(next((images for place in places if place.is_dir() and (images := _images_in(place))), []))


def _images_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if is_image_name(path.name))


def _label_of(image: Path) -> Path | None:
    """Return the label file: in `labels` where the image is in `images`, else beside it."""
    places = [number for number, part in enumerate(image.parts[:-1]) if part.lower() == "images"]
    swapped = [
        yolo.folder_in(Path(*image.parts[:number]), "labels", *image.parts[number + 1 : -1]) / image.name
        for number in reversed(places)
    ]
    labels = (one.with_suffix(suffix) for one in (*swapped, image) for suffix in (".txt", ".TXT"))
    return next((label for label in labels if is_there(label)), None)


def has_boxes(folder: Path) -> bool:
    """Return True if there are label files with boxes, which are no masks."""
    for label in islice(folder.rglob("*.txt"), _MOST_LABELS):
        try:
            left_out = yolo.read_lines(label, (64, 64), {})[1]
        except DataError:
            continue
        if any(one.why == yolo.BOXES for one in left_out):
            return True
    return False


def _has_outlines(label: Path) -> bool:
    try:
        return bool(len(yolo.read_lines(label, (64, 64), {})[0]))
    except DataError:
        return False


def _name(image: Path, folder: Path) -> str:
    inside = image.is_relative_to(folder)
    return (image.relative_to(folder) if inside else Path(image.name)).with_suffix("").as_posix()
