"""One PNG whose pixels are numbers of classes, with their colours as its palette: 0 is background."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hqsam import storage
from hqsam.errors import DataError, OptionError, OutputError
from hqsam.formats.file_names import OutputPaths
from hqsam.formats.files import read_picture, read_text, write_png
from hqsam.formats.mask_images import read_numbers
from hqsam.images.palette import Rgb, colour_of
from hqsam.masks.instances import Instances
from hqsam.masks.overlap import Order

_MAX_CLASSES = 65535
_TABLE = "classes.csv"


def write(
    instances: Instances,
    paths: OutputPaths,
    classes: Sequence[str] | None = None,
    colours: Sequence[Rgb] | None = None,
    order: Order = "small_on_top",
) -> list[Path]:
    """Write `IMAGE_classes.png` and the table `classes.csv` of numbers, names and colours.

    Up to 255 classes are 8 bits with a palette, more are 16 bits.

    Args:
        instances: the masks.
        paths: where to write.
        classes: the names of class 1, 2, ...; by default the names in the folder's `classes.csv`, then the new ones in
            alphabetical order, so that images written one after another agree.
        colours: their colours, red, green and blue; by default those in `classes.csv`, else of `images.palette`.
        order: the mask that gets a pixel which several claim.

    Raises:
        OptionError: a label is not among `classes`.
        OutputError: there are more than 65535 classes, or `classes.csv` is no such table.
    """
    known = _known_classes(paths.folder / _TABLE) if classes is None else []
    names = _with_new([name for name, _ in known], instances.labels) if classes is None else list(classes)
    if len(names) > _MAX_CLASSES:
        raise OutputError(f"a semantic map counts to {_MAX_CLASSES}, and there are {len(names)} classes; use coco")
    missing = sorted(set(instances.labels) - set(names))
    if missing:
        raise OptionError(f"the label {missing[0]!r} is none of the classes {names}; add it to them")
    shown = [colour_of(place) for place in range(len(names))] if colours is None else list(colours)
    if colours is None:
        shown[: len(known)] = [colour for _, colour in known]
    numbers = np.array([0, *(names.index(label) + 1 for label in instances.labels)])
    pixels = numbers[instances.label_map(order)].astype(np.uint8 if len(names) < 256 else np.uint16)
    table = write_class_table(paths.folder / _TABLE, list(zip(range(1, len(names) + 1), names, shown, strict=True)))
    palette = [(0, 0, 0), *shown] if len(names) < 256 else None
    notes = {"classes": json.dumps(names, ensure_ascii=False)}
    return [write_png(paths.path("_classes.png"), pixels, notes, palette), table]


def read(path: Path) -> list[Instances]:
    """Read every number but 0 as a class, named as the file says, or `classes.csv` beside it, or by its number.

    Raises:
        DataError: it cannot be read, or has colours instead of numbers.
    """
    pixels, names = read_numbers(path), _names(path)
    numbers = np.unique(pixels[pixels != 0]).tolist()
    return [
        Instances.from_masks(
            (pixels == number for number in numbers),
            (pixels.shape[0], pixels.shape[1]),
            labels=[names.get(number, str(number)) for number in numbers],
            image_name=path.name,
        )
    ]


def _known_classes(table: Path) -> list[tuple[str, Rgb]]:
    """Return name and colour of class 1, 2, ... of a table; nothing where there is none.

    Raises:
        OutputError: it is no table as `write_class_table` writes it.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(read_text(table)))) if table.exists() else []
        classes = {int(row["number"]): (row["name"], _colour(row["colour"])) for row in rows}
        if not set(classes) <= set(range(1, _MAX_CLASSES + 1)):
            raise ValueError(f"numbers are not from 1 to {_MAX_CLASSES}")
    except (DataError, LookupError, TypeError, ValueError) as error:
        raise OutputError(f"{table} is no table of classes to go on with ({error}); choose another folder") from error
    numbers = range(1, max(classes, default=0) + 1)
    return [classes.get(number, (f"unused {number}", colour_of(number - 1))) for number in numbers]


def _colour(text: str) -> Rgb:
    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return red, green, blue


def _with_new(names: list[str], labels: Sequence[str]) -> list[str]:
    return names + sorted(set(labels) - set(names))


def _names(path: Path) -> dict[int, str]:
    notes, table = read_picture(path)[1], path.parent / _TABLE
    try:
        if "classes" in notes:
            return dict(enumerate(map(str, json.loads(notes["classes"])), start=1))
        rows = csv.DictReader(io.StringIO(read_text(table))) if table.exists() else []
        return {int(row["number"]): row["name"] for row in rows}
    except (LookupError, TypeError, ValueError) as error:
        raise DataError(f"the classes of {path} are damaged: {error}") from error


def write_class_table(path: Path, rows: Sequence[tuple[int, str, Rgb]]) -> Path:
    """Write a table of numbers, names and colours (#rrggbb) of classes."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["number", "name", "colour"])
    table.writerows([number, name, "#{:02x}{:02x}{:02x}".format(*colour)] for number, name, colour in rows)
    storage.write_text(path, text.getvalue())
    return path
