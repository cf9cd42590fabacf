"""YOLO's segmentation labels: one line for each object, a class number and one outline in shares of the image's size.

One outline is all that a line can hold. Parts and holes are joined to it by slits that enclose nothing, so the
even-odd and the winding rule still fill exactly the mask; tools that draw the outline may show the slits.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hqsam import storage
from hqsam.errors import DataError, OptionError
from hqsam.formats.file_names import OutputPaths
from hqsam.formats.files import read_text, size_of_picture
from hqsam.images.image_info import IMAGE_SUFFIXES
from hqsam.masks.instances import Instances
from hqsam.masks.polygons import as_one_ring, to_polygons
from hqsam.masks.rasterize import fill_even_odd

_CLASSES = "classes.txt"


def write(
    instances: Instances, paths: OutputPaths, tolerance: float = 0, classes: Sequence[str] | None = None
) -> list[Path]:
    """Write `photo.txt`, and beside it `classes.txt`. An object with an empty mask gets no line.

    Args:
        instances: the masks.
        paths: where to write.
        tolerance: see `masks.polygons`.
        classes: the name of class 0, 1, ... By default the names in the folder's `classes.txt`, then the new
            ones in alphabetical order, so that images written one after another agree.

    Raises:
        OptionError: a label is not among `classes`.
    """
    path, classes_path = paths.path(".txt"), paths.folder / _CLASSES
    classes = _classes(instances, classes_path) if classes is None else list(classes)
    lines = [_line(instances, row, classes, tolerance) for row in range(len(instances)) if instances.areas[row]]
    storage.write_text(classes_path, "".join(f"{name}\n" for name in classes))
    storage.write_text(path, "".join(lines))
    return [path, classes_path]


def read(path: Path, size_hw: tuple[int, int] | None = None) -> list[Instances]:
    """Read the masks of one label file; classes have the names in `classes.txt` beside it, else their numbers.

    Args:
        path: the label file.
        size_hw: the image's size. By default the image is looked for beside the file, and in `images` where the
            file is in `labels`.

    Raises:
        DataError: it cannot be read, is of boxes, or the image's size cannot be found out.
    """
    image = None if size_hw else _image_of(path)
    if image is None and size_hw is None:
        raise DataError(f"found no image for {path}, beside it or in 'images', to know its size; pass size_hw")
    size = size_hw or size_of_picture(image or path)
    names = _names(path.parent / _CLASSES)
    lines = [line for line in read_text(path).splitlines() if line.strip()]
    rows = [_instance(line, names, size, path) for line in lines]
    return [Instances.join([Instances.empty(size, image.name if image else path.name), *rows])]


def _classes(instances: Instances, path: Path) -> list[str]:
    known = _names(path)
    return known + [label for label in sorted(set(instances.labels)) if label not in known]


def _names(path: Path) -> list[str]:
    lines = read_text(path).split("\n") if path.exists() else [""]
    return [line.rstrip("\r") for line in (lines if lines[-1] else lines[:-1])]


def _line(instances: Instances, row: int, classes: list[str], tolerance: float) -> str:
    label = instances.labels[row]
    if "\n" in label or label not in classes:
        raise OptionError(f"the label {label!r} is none of the classes {classes}; add it to them")
    ring = as_one_ring(to_polygons(instances.mask(row), tolerance)) / np.array(instances.image_size_hw[::-1])
    return " ".join([str(classes.index(label)), *(f"{share:.6f}" for share in ring.ravel().tolist())]) + "\n"


def _instance(line: str, names: list[str], size_hw: tuple[int, int], path: Path) -> Instances:
    try:
        number, *shares = line.split()
        index, ring = int(number), np.array([float(share) for share in shares]).reshape(-1, 2)
    except ValueError as error:
        raise DataError(f"{path} has a line that is no YOLO outline: {line[:60]!r}") from error
    if len(ring) < 3 or index < 0 or not all(map(math.isfinite, ring.ravel())):
        raise DataError(f"{path} has a line without an outline (is it of boxes?): {line[:60]!r}")
    label = names[index] if index < len(names) else str(index)
    return Instances.from_masks([fill_even_odd([ring * np.array(size_hw[::-1])], size_hw)], labels=label)


def _image_of(path: Path) -> Path | None:
    folders = [path.parent, path.parent.parent / "images"]
    if path.parent.parent.name == "labels":
        folders.append(path.parent.parent.parent / "images" / path.parent.name)
    candidates = (folder / f"{path.stem}{suffix}" for folder in folders for suffix in IMAGE_SUFFIXES)
    return next((image for image in candidates if image.exists()), None)
