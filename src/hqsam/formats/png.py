"""One black and white PNG for each object: 255 is inside, 0 is outside."""

from pathlib import Path

import numpy as np

from hqsam.errors import DataError
from hqsam.formats.file_names import OutputPaths
from hqsam.formats.files import write_png
from hqsam.formats.mask_images import mask_of, read_noted
from hqsam.masks.instances import Instances


def write(instances: Instances, paths: OutputPaths) -> list[Path]:
    """Write `IMAGE_mask.png`, or `IMAGE_mask_01.png`, `IMAGE_mask_02.png`, ... The label and score are in the file."""
    written = []
    for row in range(len(instances)):
        score = instances.known_score(row)
        notes = {"label": instances.labels[row]} | ({} if score is None else {"score": repr(score)})
        path = paths.mask_path("_mask.png", row)
        written.append(write_png(path, instances.mask(row) * np.uint8(255), notes))
    return written


def read(path: Path) -> list[Instances]:
    """Read a mask from any image file that can be one; see `mask_images`.

    Raises:
        DataError: it cannot be read, or is no mask.
    """
    levels, notes = read_noted(path)
    mask = mask_of(levels, path)
    try:
        score = float(notes["score"]) if "score" in notes else None
    except ValueError as error:
        raise DataError(f"the notes in {path} are damaged: {error}") from error
    return [Instances.from_masks([mask], labels=notes.get("label", "object"), scores=[score], image_name=path.name)]
