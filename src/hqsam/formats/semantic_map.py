"""One PNG whose pixels are numbers of classes, with their colours as its palette: 0 is background."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hqsam import storage
from hqsam.errors import OptionError, OutputError
from hqsam.formats.file_names import OutputPaths
from hqsam.formats.files import write_png
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
    """Write `photo_classes.png` and the table `classes.csv` of numbers, names and colours.

    Up to 255 classes are 8 bits with a palette, more are 16 bits.

    Args:
        instances: the masks.
        paths: where to write.
        classes: the names of class 1, 2, ...; by default those of the image in alphabetical order.
        colours: their colours, red, green and blue; by default those of `images.palette`.
        order: the mask that gets a pixel which several claim.

    Raises:
        OptionError: a label is not among `classes`.
        OutputError: there are more than 65535 classes.
    """
    names = sorted(set(instances.labels)) if classes is None else list(classes)
    if len(names) > _MAX_CLASSES:
        raise OutputError(f"a semantic map counts to {_MAX_CLASSES}, and there are {len(names)} classes; use coco")
    missing = sorted(set(instances.labels) - set(names))
    if missing:
        raise OptionError(f"the label {missing[0]!r} is none of the classes {names}; add it to them")
    shown = [colour_of(place) for place in range(len(names))] if colours is None else list(colours)
    numbers = np.array([0, *(names.index(label) + 1 for label in instances.labels)])
    pixels = numbers[instances.label_map(order)].astype(np.uint8 if len(names) < 256 else np.uint16)
    table = write_class_table(paths.folder / _TABLE, list(zip(range(1, len(names) + 1), names, shown, strict=True)))
    palette = [(0, 0, 0), *shown] if len(names) < 256 else None
    return [write_png(paths.path("_classes.png"), pixels, palette=palette), table]


def write_class_table(path: Path, rows: Sequence[tuple[int, str, Rgb]]) -> Path:
    """Write a table of numbers, names and colours (#rrggbb) of classes."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["number", "name", "colour"])
    table.writerows([number, name, "#{:02x}{:02x}{:02x}".format(*colour)] for number, name, colour in rows)
    storage.write_text(path, text.getvalue())
    return path
