"""The one reader of masks and label maps that are stored as images, by whatever tool.

| what is stored                                | encoding  | what is made of it                                     |
| --------------------------------------------- | --------- | ------------------------------------------------------ |
| 0/1, 0/255, 1 bit, one colour on black, alpha | `binary`  | one object: what is above half of the highest value    |
| the same with grey edges, or as JPEG          | `binary`  | one object, cut at half                                |
| grey of 8, 16 or 32 bits, a number an object  | `labels`  | the numbers; 0 is nobody's, and so is void (see below) |
| a palette, a number an object                 | `labels`  | the indices; nobody's is 0, or black or clear (below)  |
| colours on black or on nothing                | `colours` | the colours, numbered from the darkest                 |

Void is the 255 of 8 bits beside other numbers, as VOC, Cityscapes and COCO-Stuff mark what is not judged; unless 254 is
in use as well, or the numbers are shades, which begin high or are spread evenly up to 255.

Programs that save few colours as a palette number them at will. So where index 0 is not in use, or is a colour, and
just one index is black or clear, that one is nobody's, and 0 gets a free number.

The encoding of a set is not told by any single file, so `guess_encoding` is asked about some of them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Bool, Integer, UInt16
from PIL import Image

from hqsam.errors import DataError
from hqsam.formats.files import read_picture
from hqsam.images.image_info import SIGNATURES
from hqsam.optional import require

MaskEncoding = Literal["binary", "labels", "colours"]

MASK_ENCODINGS: dict[MaskEncoding, str] = {
    "binary": "one object a mask",
    "labels": "each number in a mask is an object",
    "colours": "each colour in a mask is an object",
}

_MOST_OBJECTS = 65535
_JPEG_NOISE = 24
"""The largest difference between the channels of a grey JPEG."""
_FEW_VALUES = 64
"""Up to so many values a map may have without any areas: of lines and dots."""
_PLAIN_COLOURS = 256
"""A map has at most so many; a photo has thousands."""
_VOID = 255
_SMALL = 32
"""Numbers that were given by counting have one below this; those that are shades to be told apart have not."""
_VOID_COLOUR = 224 << 16 | 224 << 8 | 192
"""VOC's colour around objects, which is nobody's."""

Levels = Integer[np.ndarray, "height width"] | Integer[np.ndarray, "height width 3"]
"""A number or a colour for each pixel."""


def read_labels(path: Path, encoding: MaskEncoding) -> UInt16[np.ndarray, "height width"]:
    """Read an image file as a label map.

    Raises:
        DataError: it cannot be read, or cannot be of that kind.
    """
    return labels_of(read_levels(path), encoding, path)


def read_mask(path: Path) -> Bool[np.ndarray, "height width"]:
    """Read an image file that marks one object.

    Raises:
        DataError: it cannot be read, or marks several objects.
    """
    return mask_of(read_levels(path), path)


def mask_of(levels: Levels, path: Path) -> Bool[np.ndarray, "height width"]:
    """Return the one object that numbers or colours mark.

    Raises:
        DataError: they mark several objects.
    """
    encoding = guess_encoding(levels)
    if encoding in ("labels", "colours"):
        numbers = values_of(labels_of(levels, encoding, path))
        raise DataError(
            f"{path} has {np.count_nonzero(numbers)} {'values' if encoding == 'labels' else 'colours'} beside 0, so it "
            "looks like a map of numbered objects and not like one mask; read it as 'label_map'"
        )
    return labels_of(levels, "binary", path) > 0


def read_numbers(path: Path) -> Integer[np.ndarray, "height width"]:
    """Read an image file as the numbers that it holds, grey or indices of a palette, whatever they mean.

    Raises:
        DataError: it cannot be read, or has colours instead of numbers.
    """
    image = read_picture(path)[0]
    if image.mode not in ("L", "P", "1") and not image.mode.startswith("I"):
        raise DataError(f"{path} is an image in {image.mode}; a label map has one number a pixel, gray or a palette")
    return np.asarray(image).astype(np.int64)


def read_levels(path: Path) -> Levels:
    """Read a number for each pixel or, if the image has colours, red, green and blue.

    Raises:
        DataError: it cannot be read.
    """
    return read_noted(path)[0]


def read_noted(path: Path) -> tuple[Levels, dict[str, str]]:
    """Read numbers or colours, and what `write_png` noted beside them.

    Raises:
        DataError: it cannot be read.
    """
    try:
        image, notes = read_picture(path)
        return levels_of(image, path), notes
    except DataError as error:
        if error.__cause__ is None or not _is(path, "TIFF"):  # it was read, and is no mask
            raise
        return _of_tiff(path), {}


def levels_of(image: Image.Image, path: Path) -> Levels:
    """Return a number for each pixel of an open image or, if it has colours, red, green and blue.

    Raises:
        DataError: it holds fractions.
    """
    if image.mode == "P":
        return _of_palette(image)
    if image.mode in ("LA", "RGBA", "PA", "La", "RGBa"):
        return _of_transparent(np.asarray(image.convert("RGBA")))
    if image.mode == "F":
        return _whole_numbers(np.asarray(image), path)
    if image.mode in ("1", "L", "I") or image.mode.startswith("I;16"):
        pixels = np.asarray(image)
        return pixels.astype(np.uint8) if pixels.dtype == bool else pixels
    return _grey_if_it_is(np.asarray(image.convert("RGB")))


def labels_of(levels: Levels, encoding: MaskEncoding, path: Path) -> UInt16[np.ndarray, "height width"]:
    """Return the label map that numbers or colours mean.

    Raises:
        DataError: there are more objects than a label map can hold, or it is a photo.
    """
    if encoding == "binary":
        return _inside(levels if levels.ndim == 2 else levels.max(axis=2)).astype(np.uint16)
    if levels.ndim == 3:
        levels = _packed(levels)
        if not _is_flat(levels):
            raise DataError(
                f"{path} has {len(np.unique(levels)):,} colours, most of single pixels, as a photo has, or a map that "
                "was saved as JPEG; save maps as PNG"
            )
        levels = np.where(levels == _VOID_COLOUR, 0, levels)
    else:
        _check_numbers(levels, path)
        levels = _without_void(levels)
    if levels.min(initial=0) >= 0 and levels.max(initial=0) <= _MOST_OBJECTS:
        return levels.astype(np.uint16)
    return _numbered(levels, path)


def _check_numbers(levels: np.ndarray, path: Path) -> None:
    """Refuse what would come out as hundreds of objects that nobody marked."""
    if _is(path, "JPEG"):
        raise DataError(f"{path} is a JPEG, which changes numbers; save maps as PNG or TIFF")
    count = len(values_of(levels))
    if count > _FEW_VALUES and not _is_flat(levels):
        raise DataError(
            f"{path} has {count:,} values, most of single pixels, as a photo has; a map has areas of one value"
        )


def guess_encoding(levels: Levels) -> MaskEncoding | None:
    """Return what a single file looks like; None for one that marks nothing, and so tells nothing."""
    if levels.ndim == 3:
        colours = np.unique(_packed(levels))
        return "colours" if np.count_nonzero(colours) > 1 else "binary"
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
    """Return True if it has white, and what is between is edges: neighbours differ there, and within an object not."""
    highest = int(levels.max(initial=0))
    between = np.where(levels < highest, levels, 0)
    is_white = highest >= 0.9 * (255 if highest <= 255 else _MOST_OBJECTS)
    return is_white and bool(between.max(initial=0) > 0.1 * highest) and not _is_flat(between)


def has_void(levels: Levels) -> bool:
    """Return True if numbers have a 255 that marks what is not judged, or colours VOC's colour for it."""
    if levels.ndim == 3:
        return bool((_packed(levels) == _VOID_COLOUR).any())
    values = values_of(levels)
    others = values[(values > 0) & (values < _VOID)]
    if levels.dtype != np.uint8 or values[-1] != _VOID or not len(others) or others[-1] == _VOID - 1:
        return False
    evenly = _VOID * np.arange(1, len(others) + 1) / (len(others) + 1)
    return bool(others[0] < _SMALL and (np.abs(others - evenly) > 1).any())


def majority_encoding(guesses: Sequence[MaskEncoding | None]) -> MaskEncoding:
    """Return the encoding of a set of masks, from guesses about some of its files.

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


def _is(path: Path, kind: str) -> bool:
    """Return True if the first bytes of a file are those of a kind, whatever its name is."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(8).startswith(SIGNATURES[kind])


def _of_tiff(path: Path) -> np.ndarray:
    """Numbers of 64 bits, as scientific tools write them and Pillow does not read."""
    tifffile = require("tifffile", extra="tiles")
    try:
        values = np.squeeze(tifffile.imread(path))
    except Exception as error:  # on damaged files tifffile raises whatever it trips over
        raise DataError(f"cannot read {path} as an image: {error}") from error
    if values.ndim != 2 or values.dtype.kind not in "uif":
        raise DataError(
            f"{path} has the shape {values.shape} and the type {values.dtype}; a label map has one number a pixel"
        )
    return _whole_numbers(values, path) if values.dtype.kind == "f" else values.astype(np.int64)


def _of_palette(image: Image.Image) -> np.ndarray:
    """The indices, unless the palette only says black, white and what is between."""
    indices = np.asarray(image)
    colours = np.reshape(image.getpalette("RGB") or [], (-1, 3))
    used = colours[values_of(indices)] if len(colours) > indices.max(initial=0) else colours
    greys = (used == used[:, :1]).all() and len(np.unique(used[:, 0])) == len(used)
    if greys:
        return np.asarray(image.convert("L"))
    used = values_of(indices)
    background = _background_of(image, used, colours)
    if not background:
        return indices
    free = min(set(range(1, 257)) - set(used.tolist()))
    return np.where(indices == background, 0, np.where(indices == 0, free, indices.astype(np.uint16)))


def _background_of(image: Image.Image, used: np.ndarray, colours: np.ndarray) -> int:
    """Return the index that is clear, or black where 0 is not; 0 if that is no single one."""
    alpha = image.info.get("transparency")
    opaque = np.full(256, 255, np.uint8)
    if isinstance(alpha, int):
        opaque[alpha] = 0
    elif isinstance(alpha, bytes):
        opaque[: len(alpha)] = np.frombuffer(alpha, np.uint8)
    clear, black = used[opaque[used] == 0], used[~colours[used].any(axis=1)] if len(colours) > used[-1] else used
    found = clear if len(clear) else black
    return int(found[0]) if len(found) == 1 else 0


def _of_transparent(rgba: np.ndarray) -> np.ndarray:
    """The transparency, as a cutout has it; or the colours, where they are several and plain, as in a map."""
    alpha = rgba[..., 3]
    levels = _grey_if_it_is(rgba[..., :3] * (alpha > 0)[..., None])
    packed = levels if levels.ndim == 2 else _packed(levels)
    colours = np.unique(packed)
    is_map = 2 <= np.count_nonzero(colours) <= _PLAIN_COLOURS and len(np.unique(alpha)) <= 2 and _is_flat(packed)
    return levels if is_map or alpha.min(initial=255) == 255 else alpha


def _grey_if_it_is(rgb: np.ndarray) -> np.ndarray:
    """One channel, where all three say the same; those of a grey JPEG with white in it nearly do."""
    spread = int((rgb.max(axis=2).astype(np.int16) - rgb.min(axis=2)).max(initial=0))
    is_grey = spread == 0 or (spread <= _JPEG_NOISE and rgb.max(initial=0) > 127)
    return np.ascontiguousarray(rgb[..., 1]) if is_grey else rgb


def _packed(rgb: np.ndarray) -> np.ndarray:
    """A number for each colour, the darker the smaller."""
    return rgb.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)


def _is_flat(levels: np.ndarray) -> bool:
    """Return True if most nonzero pixels are in areas of one value; False if all are 0."""
    here, marked = levels[:-1, :-1], levels[:-1, :-1] > 0
    flat = marked & (here == levels[:-1, 1:]) & (here == levels[1:, :-1])
    return bool(2 * np.count_nonzero(flat) > np.count_nonzero(marked))


def _without_void(levels: np.ndarray) -> np.ndarray:
    return np.where(levels == _VOID, np.uint8(0), levels) if has_void(levels) else levels


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
