"""One gray PNG for all objects: 0 is nobody's, 1 is the first object's, and so on."""

import json
from pathlib import Path

import numpy as np

from hqsam.errors import DataError, OutputError
from hqsam.formats.document import Document, MaskedObject
from hqsam.formats.files import read_picture, write_png
from hqsam.masks.label_map import paint
from hqsam.masks.overlap import Order
from hqsam.masks.runs import runs_from_rle

_MOST = 65535


def write(document: Document, folder: Path, order: Order = "small_on_top") -> list[Path]:
    """`photo_labels.png`: 8 bits for up to 255 objects, 16 bits for more. Labels and scores are in the file.

    A pixel that several objects claim goes to one of them, by `order`.

    Raises:
        OutputError: there are more than 65535 objects.
    """
    if len(document.objects) > _MOST:
        raise OutputError(f"a label map counts to {_MOST}, and there are {len(document.objects)} objects; use coco")
    labels = paint([runs_from_rle(one.runs) for one in document.objects], document.size_hw, order)
    notes = json.dumps([[one.label, one.score] for one in document.objects], ensure_ascii=False)
    return [write_png(document.path(folder, "_labels.png"), labels, {"objects": notes})]


def read(path: Path) -> list[Document]:
    """Every number but 0 is an object, from 8 or 16 bits of gray, or from a palette.

    Raises:
        DataError: it cannot be read, or has colours instead of numbers.
    """
    image, notes = read_picture(path)
    if image.mode not in ("L", "P", "1") and not image.mode.startswith("I"):
        raise DataError(f"{path} is a picture in {image.mode}; a label map has one number a pixel, gray or a palette")
    labels = np.asarray(image).astype(np.int64)
    known = _known(notes.get("objects", "[]"), path)
    numbers = range(1, len(known) + 1) if known else np.unique(labels[labels != 0]).tolist()
    objects = [MaskedObject.of(labels == number, *known.get(number, ("object", None))) for number in numbers]
    return [Document(path.name, (labels.shape[0], labels.shape[1]), tuple(objects))]


def _known(notes: str, path: Path) -> dict[int, tuple[str, float | None]]:
    """Label and score by number."""
    try:
        return {number: (str(label), score) for number, (label, score) in enumerate(json.loads(notes), start=1)}
    except (ValueError, TypeError) as error:
        raise DataError(f"the notes in {path} are damaged: {error}") from error
