"""Photos as people have them, to the one thing that we compute with: uint8 RGB, upright.

| what comes                       | what is made of it                                                    |
| -------------------------------- | --------------------------------------------------------------------- |
| a file, a PIL image              | turned upright by its EXIF tag; of an animation the first frame       |
| an array [H, W, 3]               | taken as it is: RGB, upright (OpenCV's are BGR: `image[..., ::-1]`)   |
| gray [H, W] or [H, W, 1], 1 bit  | the same value in all three channels                                  |
| transparency                     | laid on white, as a viewer shows it                                   |
| palette, CMYK, YCbCr, HSV        | converted to RGB                                                      |
| 16 bits                          | 0 to 65535 becomes 0 to 255; stretch a darker range yourself before   |
| float arrays, 32-bit float files | 0 to 1 becomes 0 to 255; any other range is an error                  |
| bool arrays                      | an error: they are masks                                              |
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from hqsam.errors import ImageError, OptionError
from hqsam.images.image_info import orientation_of, turned_upright

if TYPE_CHECKING:
    ImageLike: TypeAlias = str | os.PathLike[str] | IO[bytes] | Image.Image | np.ndarray
else:
    ImageLike = Any  # whatever comes is looked at, and what cannot be read is refused in our own words

MAX_PIXELS = 250_000_000
"""Larger files are refused before they are decoded, which would take 7 bytes a pixel. `HQSAM_MAX_PIXELS` overrules."""

_ONE_COLOUR_CLEAR = ("1", "L", "P", "RGB")
"""Modes in which a file may name a colour that is transparent."""
_OPENING = threading.Lock()


def read_image(image: ImageLike, max_pixels: int | None = None) -> UInt8[np.ndarray, "height width 3"]:
    """A photo from a path, an open file, a PIL image or an array, as uint8 RGB, upright.

    An array that is RGB already is returned itself, not a copy. Files of more than `max_pixels` are refused;
    the default is `HQSAM_MAX_PIXELS` from the environment, else 250 million.

    Raises:
        ImageError: it cannot be read, is too large, or is no image.
    """
    if isinstance(image, Image.Image):
        return _from_pil(image, "the PIL image")
    if isinstance(image, str | os.PathLike) or hasattr(image, "read"):
        with open_image(image, max_pixels) as picture:
            return _from_pil(picture, _name(image))
    return _from_array(_as_array(image))


def read_image_of_size(image: ImageLike, size_hw: tuple[int, int]) -> UInt8[np.ndarray, "height width 3"]:
    """The photo that masks of this size are for.

    Raises:
        ImageError: it cannot be read, or is of another size.
    """
    pixels = read_image(image)
    (height, width), (mask_height, mask_width) = pixels.shape[:2], size_hw
    if (height, width) != (mask_height, mask_width):
        raise ImageError(
            f"the image is {width} x {height} and the masks are {mask_width} x {mask_height}; give the image "
            "that was opened, upright"
        )
    return pixels


def name_of(image: ImageLike) -> str:
    """The name of the file that an image comes from, without its folder; "image" where there is none."""
    source = image if isinstance(image, str | os.PathLike) else getattr(image, "filename", getattr(image, "name", ""))
    return Path(source).name if source and isinstance(source, str | os.PathLike) else "image"


def open_image(source: Any, max_pixels: int | None = None) -> Image.Image:
    """A picture file of at most `max_pixels`, as Pillow has it, not decoded yet. Close it when done.

    Raises:
        ImageError: it is missing, too large, or no picture.
    """
    max_pixels = _pixel_limit() if max_pixels is None else max_pixels
    name = _name(source)
    if isinstance(source, str | os.PathLike):
        _check_path(source)
    try:
        with _no_pixel_limit_of_pillow():
            image = Image.open(source)
    except Exception as error:  # on damaged files Pillow's readers raise whatever they trip over
        raise ImageError(f"cannot read {name}: {_cause(error)}") from error
    width, height = image.size
    if width * height > max_pixels:
        image.close()
        raise ImageError(
            f"{name} has {width} x {height} pixels, more than the {max_pixels:,} that are allowed; "
            "shrink it, or raise the limit with HQSAM_MAX_PIXELS"
        )
    return image


def _name(source: Any) -> str:
    return str(source) if isinstance(source, str | os.PathLike) else getattr(source, "name", "the open file")


def _check_path(path: str | os.PathLike[str]) -> None:
    if str(path).startswith(("http://", "https://")):
        raise ImageError(f"{path} is an address; download the photo and give its path")
    try:
        if Path(path).is_dir():
            raise ImageError(f"{path} is a folder; give the path of a photo")
        size = Path(path).stat().st_size
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        missing = isinstance(error, FileNotFoundError)
        raise ImageError(f"cannot read {path}: {'there is no such file' if missing else error}") from error
    if size == 0 and Path(path).is_file():
        raise ImageError(f"{path} is empty: 0 bytes")


@contextmanager
def _no_pixel_limit_of_pillow() -> Iterator[None]:
    """Pillow warns at 89 million pixels and stops at twice that; our own limit is checked instead."""
    with _OPENING:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _pixel_limit() -> int:
    said = os.environ.get("HQSAM_MAX_PIXELS", "")
    if not said:
        return MAX_PIXELS
    if not said.isdecimal():
        raise OptionError(f"HQSAM_MAX_PIXELS is {said!r}; expected a number of pixels, such as 400000000")
    return int(said)


def _cause(error: Exception) -> str:
    if isinstance(error, Image.UnidentifiedImageError):
        return "it is not an image, or of a kind that Pillow does not know"
    return str(error) or type(error).__name__


def _from_pil(image: Image.Image, name: str) -> UInt8[np.ndarray, "height width 3"]:
    if 0 in image.size:
        raise ImageError(f"{name} has no pixels: {image.width} x {image.height}")
    try:
        image.load()  # before the tag is asked for: a PNG may have it at its end, and Pillow turns a TIFF here
        pixels = turned_upright(_plain_mode(image), orientation_of(image))
        array = np.asarray(pixels)
    except Exception as error:  # as above: this is where the pixels are decoded
        raise ImageError(f"cannot read {name}: {_cause(error)}") from error
    return _from_array(_as_16_bit(array) if pixels.mode == "I" else array, name)


def _plain_mode(image: Image.Image) -> Image.Image:
    """The image in a mode whose array `_from_array` knows: gray, RGB, RGBA, 16 bits or float."""
    if image.mode in ("LA", "PA", "La", "RGBa") or ("transparency" in image.info and image.mode in _ONE_COLOUR_CLEAR):
        return image.convert("RGBA")
    if image.mode in ("L", "RGB", "RGBA", "I", "F") or image.mode.startswith("I;16"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _as_16_bit(array: np.ndarray) -> np.ndarray:
    """Pillow reads some 16-bit files into 32-bit integers."""
    if array.min() < 0 or array.max() > 65535:
        raise ImageError(
            f"the image has integers from {array.min()} to {array.max()}; expected 8 or 16 bits a channel: "
            "scale it to 0 to 255 first"
        )
    return array.astype(np.uint16)


def _as_array(image: Any) -> np.ndarray:
    try:
        array = np.asarray(image)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ImageError(f"cannot make an array of this {type(image).__name__}: {error}") from error
    if array.dtype.kind not in "biuf":
        raise ImageError(
            f"cannot read a {type(image).__name__} as an image; expected a path, an open file, a PIL image or "
            "an array [H, W, 3] of uint8 RGB"
        )
    return array


def _from_array(array: np.ndarray, name: str = "the image") -> UInt8[np.ndarray, "height width 3"]:
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or 0 in array.shape:
        channels_first = array.ndim == 3 and array.shape[0] in (1, 3, 4)
        raise ImageError(
            f"{name} has the shape {array.shape}; expected [H, W, 3] RGB, [H, W] gray or [H, W, 4] RGBA"
            + ("; move the channels last: image.transpose(1, 2, 0)" if channels_first else "")
        )
    pixels = _as_8_bit(array, name)
    if pixels.shape[2] == 1:
        return np.repeat(pixels, 3, axis=2)
    return pixels if pixels.shape[2] == 3 else _on_white(pixels)


def _as_8_bit(array: np.ndarray, name: str) -> UInt8[np.ndarray, "height width channel"]:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        raise ImageError(f"{name} is bool, as a mask is; expected a photo, uint8 from 0 to 255")
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:
        return (array >> 8).astype(np.uint8)  # the high byte, as Pillow does for 16-bit RGB
    low, high = array.min(), array.max()
    floats = array.dtype.kind == "f"
    if not (low >= 0 and high <= (1 if floats else 255)):  # so that NaN is refused too
        kind = "floats" if floats else "integers"
        raise ImageError(
            f"{name} has {kind} ({array.dtype}) from {low} to {high}; expected uint8 from 0 to 255, or floats "
            "from 0 to 1"
        )
    return np.rint(array * 255).astype(np.uint8) if floats else array.astype(np.uint8)


def _on_white(rgba: UInt8[np.ndarray, "height width 4"]) -> UInt8[np.ndarray, "height width 3"]:
    rgb, alpha = rgba[..., :3], rgba[..., 3:]
    if alpha.min() == 255:
        return np.ascontiguousarray(rgb)
    white = Image.new("RGB", (rgba.shape[1], rgba.shape[0]), "white")
    picture = Image.fromarray(np.ascontiguousarray(rgba))
    white.paste(picture, mask=picture.getchannel("A"))
    return np.asarray(white)
