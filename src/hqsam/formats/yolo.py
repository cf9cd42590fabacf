"""YOLO's segmentation labels: one line for each object, a class number and one outline in shares of the image's size.

One outline is all that a line can hold. Parts and holes are joined to it by slits that enclose nothing, so the
even-odd and the winding rule still fill exactly the mask; tools that draw the outline may show the slits.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from hqsam import storage
from hqsam.errors import DataError, OptionError
from hqsam.formats.file_names import OutputPaths, is_there
from hqsam.formats.files import read_text, size_of_picture
from hqsam.formats.left_out import LeftOut, in_words, take_each, warn_of
from hqsam.images.image_info import IMAGE_SUFFIXES
from hqsam.masks.instances import Instances
from hqsam.masks.polygons import Corners, along_edges, as_one_ring, to_polygons
from hqsam.masks.rasterize import fill_even_odd

_CLASSES = "classes.txt"
_TABLE = "data"
_LEVELS = 4
"""Folders up from a label file in which its dataset's table is looked for."""
_NUMBERS_OF_BOX = 4
BOXES = "lines of boxes without masks"
_REACH = 2
"""Outlines may lead out of their image by this many of its sides."""


def write(
    instances: Instances,
    paths: OutputPaths,
    tolerance: float = 0,
    classes: Sequence[str] | None = None,
    corners: Corners = "pixel_centres",
) -> list[Path]:
    """Write `IMAGE.txt`, and beside it `classes.txt`. An object with an empty mask gets no line.

    Args:
        instances: the masks.
        paths: where to write.
        tolerance: see `masks.polygons`.
        classes: the name of class 0, 1, ... By default the names in the folder's `classes.txt`, then the new
            ones in alphabetical order, so that images written one after another agree.
        corners: within the outermost pixels, as ultralytics and supervision read them, which draw the outline as well;
            or along "pixel_edges". `read` tells them apart.

    Raises:
        OptionError: a label is not among `classes`.
    """
    path, classes_path = paths.path(".txt"), paths.folder / _CLASSES
    classes = _classes(instances, classes_path) if classes is None else list(classes)
    lines = [
        _line(instances, row, classes, tolerance, corners) for row in range(len(instances)) if instances.areas[row]
    ]
    storage.write_text(classes_path, "".join(f"{name}\n" for name in classes))
    storage.write_text(path, "".join(lines))
    return [path, classes_path]


def read(path: Path, size_hw: tuple[int, int] | None = None) -> list[Instances]:
    """Read the masks of one label file; warns of lines that are left out.

    Classes have the names in `classes.txt` beside it, or in the `data.yaml` of the folders above, else their numbers.

    Args:
        path: the label file.
        size_hw: the image's size. By default the image is looked for beside the file, and in `images` where the
            file is in `labels`.

    Raises:
        DataError: it cannot be read, has no line with an outline, or the image's size cannot be found out.
    """
    image = None if size_hw else image_of(path)
    if image is None and size_hw is None:
        raise DataError(f"found no image for {path}, beside it or in 'images', to know its size; pass size_hw")
    instances, left_out = read_lines(
        path, size_hw or size_of_picture(image or path), class_names(path), image.name if image else path.name
    )
    if left_out and not len(instances):
        raise DataError(f"{path} has no line with an outline; {in_words(left_out)}")
    warn_of(left_out, path)
    return [instances]


def read_lines(
    path: Path, size_hw: tuple[int, int], names: Mapping[int, str], image_name: str = "image"
) -> tuple[Instances, list[LeftOut]]:
    """Return the masks of a label file, and the lines that have none.

    Raises:
        DataError: the file cannot be read.
    """
    lines = [(f"line {place}", line) for place, line in enumerate(read_text(path).splitlines(), 1) if line.strip()]
    outlines, left_out = take_each(lines, _outline, "lines that are no outline")
    size_wh = np.array(size_hw[::-1])
    instances = Instances.from_masks(
        (fill_even_odd([along_edges(ring * size_wh)], size_hw) for _, ring, _ in outlines),
        size_hw,
        scores=[score for _, _, score in outlines],
        labels=[names.get(index, str(index)) for index, _, _ in outlines],
        image_name=image_name,
    )
    return instances, left_out


def class_names(path: Path) -> dict[int, str]:
    """Return the names of the classes of a label file, by their numbers; nothing where nobody names them.

    They are in `classes.txt` beside it, or above it in a YAML or in darknet's `obj.names`.
    """
    if (path.parent / _CLASSES).exists():
        return dict(enumerate(_names(path.parent / _CLASSES)))
    for folder in path.parents[:_LEVELS]:
        if names := names_of(table_in(folder)):
            return names
        for file in sorted(folder.glob("*.names")):
            return dict(enumerate(_names(file)))
    return {}


def table_in(folder: Path) -> dict[str, Any]:
    """Return the YAML of a folder that names classes, `data.yaml` before others; nothing where there is none.

    Raises:
        DataError: `data.yaml` cannot be read. Others may belong to other tools.
    """
    files = [*folder.glob("*.yaml"), *folder.glob("*.yml")]
    for file in sorted(files, key=lambda file: (file.stem != _TABLE, file.name)):
        try:
            table = read_table(file)
        except DataError:
            if file.stem == _TABLE:
                raise
            continue
        if "names" in table:
            return table
    return {}


def read_table(path: Path) -> dict[str, Any]:
    """Read the YAML that lists a dataset's folders and classes, as Ultralytics has it.

    Raises:
        DataError: it cannot be read, or is no such table.
    """
    try:
        content = yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise DataError(f"{path} is not YAML: {error}") from error
    return content if isinstance(content, dict) else {}


def names_of(table: Mapping[str, Any]) -> dict[int, str]:
    """Return the classes that such a table names, which is a list or goes by number."""
    names = table.get("names") or []
    rows = enumerate(names) if isinstance(names, list) else names.items() if isinstance(names, dict) else ()
    return {int(number): str(name) for number, name in rows if str(number).isdecimal()}


def folder_in(folder: Path, *parts: str) -> Path:
    """Return the path of a folder below one, which may be written in another case there."""
    for part in parts:
        exact = folder / part
        if not exact.is_dir() and folder.is_dir():
            exact = next((one for one in folder.iterdir() if one.name.lower() == part.lower()), exact)
        folder = exact
    return folder


def image_of(path: Path) -> Path | None:
    """Return the image of a label file: beside it, or in `images` where the file is in `labels`."""
    folders = [path.parent]
    for place, part in reversed(list(enumerate(path.parts[:-1]))):
        if part.lower() == "labels":
            folders.append(folder_in(Path(*path.parts[:place]), "images", *path.parts[place + 1 : -1]))
    folders.append(path.parent.parent / "images")
    candidates = (folder / f"{path.stem}{suffix}" for folder in folders for suffix in IMAGE_SUFFIXES)
    return next((image for image in candidates if is_there(image)), None)


def _classes(instances: Instances, path: Path) -> list[str]:
    known = _names(path)
    return known + [label for label in sorted(set(instances.labels)) if label not in known]


def _names(path: Path) -> list[str]:
    lines = read_text(path).split("\n") if path.exists() else [""]
    return [line.rstrip("\r") for line in (lines if lines[-1] else lines[:-1])]


def _line(instances: Instances, row: int, classes: list[str], tolerance: float, corners: Corners) -> str:
    label = instances.labels[row]
    if "\n" in label or label not in classes:
        raise OptionError(f"the label {label!r} is none of the classes {classes}; add it to them")
    ring = as_one_ring(to_polygons(instances.mask(row), tolerance, corners)) / np.array(instances.image_size_hw[::-1])
    return " ".join([str(classes.index(label)), *(f"{share:.6f}" for share in ring.ravel().tolist())]) + "\n"


def _outline(line: str) -> tuple[int, np.ndarray, float | None]:
    """Return the class, the corners x, y in shares of the image's size, and the score that predictions end with."""
    number, *shares = line.split()
    index, ring = int(float(number)), np.array([float(share) for share in shares])
    if len(ring) == _NUMBERS_OF_BOX:
        raise DataError(BOXES)
    if len(ring) < 6 or index < 0 or not np.isfinite(ring).all() or np.abs(ring).max() > _REACH:
        raise ValueError("not three corners")
    score = float(ring[-1]) if len(ring) % 2 else None
    return index, ring[: len(ring) // 2 * 2].reshape(-1, 2), score
