"""Images of a dataset: loaded, scaled down, or only inspected."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from hqsam.errors import DataError, InputError
from hqsam.images.image_info import orientation_of, upright_size_hw
from hqsam.images.open_image import open_image
from hqsam.images.reading import read_image


@dataclass(frozen=True)
class ImageInfo:
    """Facts about an image that was decoded and not kept."""

    size_hw: tuple[int, int]
    """Height and width of the upright image."""
    mode: str
    """Pillow's name of the pixels' kind, such as RGB."""
    orientation: int
    """The EXIF tag: 1 is upright, 5 to 8 lie on their side."""


def load_image(path: Path) -> UInt8[np.ndarray, "height width 3"]:
    """Return an image, upright.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return read_image(path)
    except InputError as error:
        raise DataError(str(error)) from error


def inspect_image(path: Path) -> ImageInfo:
    """Decode an image to its end and return facts about it; a JPEG at an eighth of its size, for half the time.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with open_image(path) as image:
            mode, size_hw, orientation = image.mode, upright_size_hw(image), orientation_of(image)
            if image.format == "JPEG":
                image.draft(None, (1, 1))
            read_image(image)
    except InputError as error:
        message = str(error).replace("the PIL image", str(path))
        raise DataError(message) from error
    return ImageInfo(size_hw, mode, orientation)


def scaled_size(size_hw: tuple[int, int], longest_side: int | None) -> tuple[int, int]:
    """Return height and width scaled so that the long side has at most so many pixels."""
    scale = min(1.0, (longest_side or np.inf) / max(size_hw))
    return max(1, round(size_hw[0] * scale)), max(1, round(size_hw[1] * scale))


def downscaled(pixels: np.ndarray, size_hw: tuple[int, int], smoothly: bool) -> np.ndarray:
    """Return an image at another size, or with `smoothly` off a label map."""
    if pixels.shape[:2] == size_hw:
        return pixels
    return cv2.resize(pixels, size_hw[::-1], interpolation=cv2.INTER_AREA if smoothly else cv2.INTER_NEAREST)
