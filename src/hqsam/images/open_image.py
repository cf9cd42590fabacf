"""Open image files with Pillow: checked before, of any format that can be read here, not decoded yet."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from hqsam import optional
from hqsam.errors import ImageError, MissingExtra, OptionError
from hqsam.images.image_info import is_heif

MAX_PIXELS = 250_000_000
"""Larger files are refused before they are decoded, which would take 7 bytes a pixel. `HQSAM_MAX_PIXELS` overrules."""

_OPENING = threading.Lock()


def open_image(source: Any, max_pixels: int | None = None) -> Image.Image:
    """Open an image file of at most `max_pixels` with Pillow, without decoding it. Close it when done.

    Raises:
        ImageError: it is missing, too large, or no image.
        MissingExtra: it is HEIF, and pillow-heif is not installed.
    """
    max_pixels = pixel_limit(max_pixels)
    name = source_name(source)
    if isinstance(source, str | os.PathLike):
        _check_path(source)
    try:
        image = _open(source)
    except MissingExtra:
        raise
    except Exception as error:  # on damaged files Pillow's readers raise whatever they trip over
        raise ImageError(f"cannot read {name}: {cause_of(error)}") from error
    width, height = image.size
    if width * height > max_pixels:
        image.close()
        raise ImageError(
            f"{name} has {width} x {height} pixels, more than the {max_pixels:,} that are allowed; "
            "shrink it, or raise the limit with HQSAM_MAX_PIXELS"
        )
    return image


def source_name(source: Any) -> str:
    """Return the name of a path or open file, for messages."""
    return str(source) if isinstance(source, str | os.PathLike) else getattr(source, "name", "the open file")


def first_bytes(source: Any, count: int = 16) -> bytes:
    """Return how a path or open file begins; nothing if it cannot be read."""
    try:
        if hasattr(source, "read"):
            source.seek(0)
            return source.read(count)
        with Path(source).open("rb") as file:
            return file.read(count)
    except (OSError, ValueError):
        return b""


def _open(source: Any) -> Image.Image:
    with _no_pixel_limit_of_pillow():
        try:
            return Image.open(source)
        except Image.UnidentifiedImageError:
            if not is_heif(first_bytes(source)):
                raise
            optional.require("pillow_heif", extra="heif").register_heif_opener()
            return _open_heif(source)


def _check_path(path: str | os.PathLike[str]) -> None:
    if str(path).startswith(("http://", "https://")):
        raise ImageError(f"{path} is an address; download the image and give its path")
    try:
        if Path(path).is_dir():
            raise ImageError(f"{path} is a folder; give the path of an image")
        size = Path(path).stat().st_size
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        missing = isinstance(error, FileNotFoundError)
        raise ImageError(f"cannot read {path}: {'there is no such file' if missing else error}") from error
    if size == 0 and Path(path).is_file():
        raise ImageError(f"{path} is empty: 0 bytes")


def _open_heif(source: Any) -> Image.Image:
    try:
        return Image.open(source)
    except Image.UnidentifiedImageError as error:
        raise OSError("it is HEIC, and damaged or cut short") from error


@contextmanager
def _no_pixel_limit_of_pillow() -> Iterator[None]:
    """Pillow warns at 89 million pixels and stops at twice that; our own limit is checked instead."""
    with _OPENING:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def pixel_limit(max_pixels: int | None = None) -> int:
    """Return the most pixels that a file may have.

    Raises:
        OptionError: `HQSAM_MAX_PIXELS` is no number.
    """
    if max_pixels is not None:
        return max_pixels
    said = os.environ.get("HQSAM_MAX_PIXELS", "")
    if not said:
        return MAX_PIXELS
    if not said.isdecimal():
        raise OptionError(f"HQSAM_MAX_PIXELS is {said!r}; expected a number of pixels, such as 400000000")
    return int(said)


def cause_of(error: Exception) -> str:
    """Return why Pillow could not read a file."""
    if isinstance(error, Image.UnidentifiedImageError):
        return "it is not an image, or of a kind that Pillow does not know"
    return str(error) or type(error).__name__
