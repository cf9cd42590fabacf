"""A label map as one gray PNG: 0 is no object, 1 is the first, and so on."""

import json
from pathlib import Path

from hqsam.errors import DataError, OutputError
from hqsam.formats import png
from hqsam.formats.file_names import OutputPaths
from hqsam.formats.files import write_png
from hqsam.formats.left_out import LeftOut, warn_of
from hqsam.formats.mask_images import Levels, guess_encoding, has_void, labels_of, read_noted, values_of
from hqsam.masks.instances import Instances
from hqsam.masks.overlap import Order

_MOST = 65535


def write(instances: Instances, paths: OutputPaths, order: Order = "small_on_top") -> list[Path]:
    """Write `IMAGE_labels.png`: 8 bits for up to 255 objects, 16 bits for more. Labels and scores are in the file.

    A pixel that several objects claim goes to one of them, by `order`.

    Raises:
        OutputError: there are more than 65535 objects.
    """
    if len(instances) > _MOST:
        raise OutputError(f"a label map counts to {_MOST}, and there are {len(instances)} objects; use coco")
    about = [[label, instances.known_score(row)] for row, label in enumerate(instances.labels)]
    notes = json.dumps(about, ensure_ascii=False)
    return [write_png(paths.path("_labels.png"), instances.label_map(order), {"objects": notes})]


def read(path: Path) -> list[Instances]:
    """Read a map of any tool, in numbers, a palette or colours: every value but black and void is an object.

    Raises:
        DataError: it cannot be read, or is no map.
    """
    levels, notes = read_noted(path)
    instances, left_out = _objects(levels, notes, path)
    warn_of(left_out, path)
    return [instances]


def read_any(path: Path) -> tuple[Instances, list[LeftOut]]:
    """Return the objects of a label map, or the one object of a mask, whichever the file is, and what is no object.

    Raises:
        DataError: it cannot be read, or is a photo.
    """
    levels, notes = read_noted(path)
    if "objects" in notes or guess_encoding(levels) in ("labels", "colours"):
        return _objects(levels, notes, path)
    return png.read(path)[0], []


def _objects(levels: Levels, notes: dict[str, str], path: Path) -> tuple[Instances, list[LeftOut]]:
    known, left_out = _known(notes.get("objects", "[]"), path), []
    if known:  # written by us, so that every number is meant
        labels, numbers = levels, list(known)
    else:
        labels = labels_of(levels, "labels" if levels.ndim == 2 else "colours", path)
        left_out = [LeftOut("pixels of void", "255 or VOC's colour")] if has_void(levels) else []
        numbers = [int(number) for number in values_of(labels) if number]
    said = [known.get(number, ("object", None)) for number in numbers]
    instances = Instances.from_masks(
        (labels == number for number in numbers),
        (labels.shape[0], labels.shape[1]),
        labels=[label for label, _ in said],
        scores=[score for _, score in said],
        image_name=path.name,
    )
    return instances, left_out


def _known(notes: str, path: Path) -> dict[int, tuple[str, float | None]]:
    """Return label and score by number."""
    try:
        return {number: (str(label), score) for number, (label, score) in enumerate(json.loads(notes), start=1)}
    except (ValueError, TypeError) as error:
        raise DataError(f"the notes in {path} are damaged: {error}") from error
