"""Masks that are stored as pictures."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8, UInt16

from hqsam.errors import DataError
from hqsam.formats.files import read_picture, size_of_picture

Gray = UInt8[np.ndarray, "height width"]


def read_gray(path: Path, image: Path) -> Gray:
    """A mask of one object as gray from 0 to 255, of the size of its image. Of colours, red counts, as officially.

    A mask of 0 and 1 is taken for one of 0 and 255.

    Raises:
        DataError: a file cannot be read, or the two differ in size.
    """
    picture, _ = read_picture(path)
    pixels = np.asarray(picture if picture.mode in ("L", "LA") else picture.convert("RGB"))
    gray = pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., 0])
    _check_size(gray, path, image)
    return gray * np.uint8(255) if gray.max(initial=0) == 1 else gray


def read_labels(path: Path, image: Path | None = None) -> UInt16[np.ndarray, "height width"]:
    """A label map: the numbers of a palette or gray picture, of the size of its image.

    Raises:
        DataError: a file cannot be read, the two differ in size, or the picture has colours instead of numbers.
    """
    picture, _ = read_picture(path)
    if picture.mode not in ("L", "P", "1") and not picture.mode.startswith("I"):
        raise DataError(f"{path} is a picture in {picture.mode}; a label map has one number a pixel, gray or a palette")
    labels = np.asarray(picture).astype(np.uint16)
    if image is not None:
        _check_size(labels, path, image)
    return labels


def _check_size(pixels: np.ndarray, path: Path, image: Path) -> None:
    size_hw, expected = pixels.shape[:2], size_of_picture(image)
    if size_hw != expected:
        here, there = (f"{width} x {height}" for height, width in (size_hw, expected))
        raise DataError(f"{path} has {here} pixels, and its image {image.name} has {there}")
