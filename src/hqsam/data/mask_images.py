"""Pictures of masks, as people store them, to label maps.

| what is stored                                | reading   | what is made of it                                       |
| --------------------------------------------- | --------- | -------------------------------------------------------- |
| 0/1, 0/255, 1 bit, one colour on black, alpha | `binary`  | one object: what is above half of the highest value      |
| the same with grey edges, or as JPEG          | `binary`  | one object, cut at half                                  |
| grey of 8, 16 or 32 bits, a number an object  | `labels`  | the numbers; 0 is nobody's                               |
| a palette, a number an object                 | `labels`  | the indices; 255 is nobody's if 254 is not in use (VOC)  |
| colours on black, a colour an object          | `colours` | the colours, numbered from the darkest                   |

Which reading a set wants is not told by any single file, so `guess` is asked about some of them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Integer, UInt16
from PIL import Image

from hqsam.errors import DataError
from hqsam.formats.files import read_picture

MaskEncoding = Literal["binary", "labels", "colours"]

MASK_ENCODINGS: dict[MaskEncoding, str] = {
    "binary": "one object a mask",
    "labels": "each number in a mask is an object",
    "colours": "each colour in a mask is an object",
}

_MOST_OBJECTS = 65535
_JPEG_NOISE = 24
"""How far the channels of a grey JPEG may be apart."""

Levels = Integer[np.ndarray, "height width"] | Integer[np.ndarray, "height width 3"]
"""A number or a colour for each pixel."""


def read_labels(path: Path, encoding: MaskEncoding) -> UInt16[np.ndarray, "height width"]:
    """A mask file as a label map.

    Raises:
        DataError: it cannot be read, or cannot be of that kind.
    """
    return labels_of(read_levels(path), encoding, path)


def read_levels(path: Path) -> Levels:
    """A number for each pixel, or, if the picture has colours, red, green and blue.

    Raises:
        DataError: it cannot be read.
    """
    image = read_picture(path)[0]
    if image.mode == "P":
        return _of_palette(image)
    if image.mode in ("LA", "RGBA", "PA", "La", "RGBa"):
        alpha = np.asarray(image.convert("RGBA").getchannel("A"))
        if alpha.min(initial=255) < 255:
            return alpha
    if image.mode == "F":
        return _whole_numbers(np.asarray(image), path)
    if image.mode in ("1", "L", "I") or image.mode.startswith("I;16"):
        pixels = np.asarray(image)
        return pixels.astype(np.uint8) if pixels.dtype == bool else pixels
    return _grey_if_it_is(np.asarray(image.convert("RGB")))


def labels_of(levels: Levels, encoding: MaskEncoding, path: Path) -> UInt16[np.ndarray, "height width"]:
    """The label map that numbers or colours mean.

    Raises:
        DataError: there are more objects than a label map can hold.
    """
    if encoding == "binary":
        return _inside(levels if levels.ndim == 2 else levels.max(axis=2)).astype(np.uint16)
    if levels.ndim == 3:
        levels = levels.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    if levels.min(initial=0) >= 0 and levels.max(initial=0) <= _MOST_OBJECTS:
        return levels.astype(np.uint16)
    return _numbered(levels, path)


def guess_encoding(levels: Levels) -> MaskEncoding | None:
    """What a single file looks like; None for one that marks nothing, and so tells nothing."""
    if levels.ndim == 3:
        colours = levels.reshape(-1, 3) @ np.array([65536, 256, 1])
        return "colours" if len(np.unique(colours[colours > 0])) > 1 else "binary"
    marked = levels[levels != 0]
    if not len(marked):
        return None
    return "binary" if (marked == marked[0]).all() or has_grey_edges(levels) else "labels"


def values_of(levels: Integer[np.ndarray, "height width"]) -> Integer[np.ndarray, "value"]:
    """The different numbers in a mask, ascending."""
    if levels.dtype in (np.uint8, np.uint16):  # a tenth of the time that np.bincount takes, a hundredth of np.unique's
        most = 1 << 8 * levels.itemsize
        return np.flatnonzero(cv2.calcHist([levels], [0], None, [most], [0, most]))
    return np.unique(levels)


def has_grey_edges(levels: Integer[np.ndarray, "height width"]) -> bool:
    """Whether it has white, and its greys are edges: neighbours differ there, and within an object they do not."""
    top = 255 if levels.max(initial=0) <= 255 else _MOST_OBJECTS
    here, right, below = levels[:-1, :-1], levels[:-1, 1:], levels[1:, :-1]
    grey = (here > 0.1 * top) & (here < 0.9 * top)  # darker and brighter are a JPEG's ripples
    flat = grey & (here == right) & (here == below)
    return bool(levels.max(initial=0) >= 0.9 * top and 2 * np.count_nonzero(flat) <= np.count_nonzero(grey))


def majority_encoding(guesses: Sequence[MaskEncoding | None]) -> MaskEncoding:
    """What a set is, by the guesses about some of its files.

    Masks with one object look binary in any set, so a tenth that looks like several objects decides.
    """
    several = [one for one in guesses if one in ("labels", "colours")]
    if len(several) * 10 < len([one for one in guesses if one]) or not several:
        return "binary"
    return max(("labels", "colours"), key=several.count)


def _inside(levels: np.ndarray) -> np.ndarray:
    highest = int(levels.max(initial=0))
    marked = levels[levels != 0]
    if not len(marked) or (marked == marked[0]).all():
        return levels != 0
    return levels > (highest // 2 if highest <= 127 else 127 if highest <= 255 else 32767)


def _of_palette(image: Image.Image) -> np.ndarray:
    """The indices, unless the palette only says black, white and what is between."""
    indices = np.asarray(image)
    colours = np.reshape(image.getpalette("RGB") or [], (-1, 3))
    used = colours[: int(indices.max(initial=0)) + 1]
    if (used == used[:, :1]).all():
        return np.asarray(image.convert("L"))
    void = 255 if (indices == 255).any() and not (indices == 254).any() and len(np.unique(indices)) > 2 else None
    return np.where(indices == void, 0, indices).astype(np.uint8) if void else indices


def _grey_if_it_is(rgb: np.ndarray) -> np.ndarray:
    spread = rgb.max(axis=2).astype(np.int16) - rgb.min(axis=2)
    return rgb[..., 1] if spread.max(initial=0) <= _JPEG_NOISE else rgb


def _whole_numbers(values: np.ndarray, path: Path) -> np.ndarray:
    if not np.isfinite(values).all() or (values != np.rint(values)).any():
        raise DataError(f"{path} holds fractions or NaN; a mask has whole numbers")
    return values.astype(np.int64)


def _numbered(levels: np.ndarray, path: Path) -> np.ndarray:
    """Objects counted from 1 where their own numbers are too large."""
    numbers, places = np.unique(np.where(levels > 0, levels, 0), return_inverse=True)
    if len(numbers) > _MOST_OBJECTS:
        raise DataError(f"{path} has {len(numbers):,} different values; that is a photo rather than a map of objects")
    shift = 0 if numbers[0] == 0 else 1
    return (places.reshape(levels.shape) + shift).astype(np.uint16)
