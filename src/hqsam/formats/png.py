"""One black and white PNG for each object: 255 is inside, 0 is outside."""

from pathlib import Path

import numpy as np
from jaxtyping import Bool
from PIL import Image

from hqsam.errors import DataError
from hqsam.formats.file_names import OutputPaths
from hqsam.formats.files import read_picture, write_png
from hqsam.masks.instances import Instances


def write(instances: Instances, paths: OutputPaths) -> list[Path]:
    """Write `photo_mask.png`, or `photo_mask_01.png`, `photo_mask_02.png`, ... The label and score are in the file."""
    written = []
    for row in range(len(instances)):
        score = instances.known_score(row)
        notes = {"label": instances.labels[row]} | ({} if score is None else {"score": repr(score)})
        path = paths.mask_path("_mask.png", row)
        written.append(write_png(path, instances.mask(row) * np.uint8(255), notes))
    return written


def read(path: Path) -> list[Instances]:
    """Read a mask from any picture that can be one; see `read_mask`.

    Raises:
        DataError: it cannot be read, or is no mask.
    """
    image, notes = read_picture(path)
    mask = _mask_of(image, path)
    try:
        score = float(notes["score"]) if "score" in notes else None
    except ValueError as error:
        raise DataError(f"the notes in {path} are damaged: {error}") from error
    return [Instances.from_masks([mask], labels=notes.get("label", "object"), scores=[score], image_name=path.name)]


def read_mask(path: Path) -> Bool[np.ndarray, "height width"]:
    """A mask from 0/1, 0/255 or 16-bit gray, from a palette (index 0 is outside), or from a cutout's alpha.

    Raises:
        DataError: it cannot be read, or has several objects' numbers in it.
    """
    return _mask_of(read_picture(path)[0], path)


def _mask_of(image: Image.Image, path: Path) -> np.ndarray:
    if image.mode == "P" and not _is_gray(image):
        return np.asarray(image) != 0
    levels = _levels(image)
    highest = int(levels.max(initial=0))
    if highest <= 1:
        return levels == 1
    if highest <= 127 and len(np.unique(levels)) > 2:
        raise DataError(
            f"{path} has the values 0 to {highest}, so it looks like a map of numbered objects and not like one mask; "
            f"read it as 'label_map'"
        )
    return levels > (highest // 2 if highest <= 127 else 127 if highest <= 255 else 32767)


def _levels(image: Image.Image) -> np.ndarray:
    """One number for each pixel, from whichever channel tells the object from the rest."""
    if image.mode in ("RGBA", "LA", "PA"):
        alpha = np.asarray(image.getchannel("A"))
        if alpha.min(initial=255) < 255:
            return alpha
    if image.mode.startswith(("I", "F")):
        return np.asarray(image)
    return np.asarray(image.convert("RGB")).max(axis=2)


def _is_gray(image: Image.Image) -> bool:
    """Whether a palette only says black, white and what is between."""
    colours = np.reshape(image.getpalette("RGB") or [], (-1, 3))
    used = colours[: int(np.asarray(image).max(initial=0)) + 1]
    return bool((used == used[:, :1]).all())
