"""Read images of any kind as the one thing that we compute with: uint8 RGB, upright.

| input                            | result                                                                |
| -------------------------------- | --------------------------------------------------------------------- |
| a file, a PIL image              | turned upright by its EXIF tag; the first page or frame, if many      |
| an array [H, W, 3]               | taken as it is: RGB, upright (OpenCV's are BGR: `image[..., ::-1]`)   |
| gray [H, W] or [H, W, 1], 1 bit  | the same value in all three channels                                  |
| transparency                     | laid on white, as a viewer shows it                                   |
| palette, CMYK, YCbCr, HSV        | converted to RGB                                                      |
| rasters of maps, and addresses   | read by GDAL (`raster`), if hqsam[geo] is installed                   |
| stacks of microscopes, scanners  | a plane of them, by hqsam[science] (`stacks`)                         |
| 16 bits, uint16 arrays           | 0 to 65535 becomes 0 to 255; a signal of fewer bits is stretched      |
| files of floats                  | 0 to 1 becomes 0 to 255; another range is stretched                   |
| float arrays                     | 0 to 1 becomes 0 to 255; any other range needs `value_range`          |
| bool arrays                      | an error: they are masks                                              |

What is left out or stretched is an `ImageWarning`.
"""

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, TypeAlias

import cv2
import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from hqsam.errors import ImageError, MissingExtra
from hqsam.geo.georeference import Georeference
from hqsam.images.image_info import is_tiff, orientation_of, tags_of, turned_upright
from hqsam.images.open_image import cause_of, first_bytes, open_image, pixel_limit, source_name
from hqsam.images.raster import open_raster
from hqsam.images.raster_source import is_raster
from hqsam.images.read_options import ReadOptions
from hqsam.images.stacks.open_stack import is_stack
from hqsam.images.stacks.plane import open_plane
from hqsam.images.tiff import is_reduced, open_tiff
from hqsam.images.to_rgb import as_array, note, note_bands, rgb_of_array, rgb_of_values
from hqsam.images.value_range import declared_by_file, nodata_of

if TYPE_CHECKING:
    ImageLike: TypeAlias = str | os.PathLike[str] | IO[bytes] | Image.Image | np.ndarray
else:
    ImageLike = Any  # whatever comes is looked at, and what cannot be read is refused in our own words

RgbImage = UInt8[np.ndarray, "height width 3"]

_ONE_COLOUR_CLEAR = ("1", "L", "P", "RGB")
"""Modes in which a file may name a colour that is transparent."""
_MANY_PAGES = 16
"""Frames of a TIFF that are looked at to tell a stack from a pyramid."""


def read_image(
    image: ImageLike,
    max_pixels: int | None = None,
    *,
    value_range: tuple[float, float] | None = None,
    page: int | None = None,
    bands: tuple[int, ...] | None = None,
    stretch: tuple[float, float] | None = None,
    channels: tuple[int | str, ...] | None = None,
    z: int | None = None,
    t: int | None = None,
) -> RgbImage:
    """Read an image from a path, an open file, a PIL image or an array, as uint8 RGB [H, W, 3], upright.

    An array that is RGB already is returned itself, not a copy.

    Args:
        image: see the table above.
        max_pixels: files of more are refused; by default `HQSAM_MAX_PIXELS` from the environment, else 250 million.
        value_range: the values that become 0 and 255, for images of more than 8 bits: (0, 4095) for 12 bits. By default
            it is found in the file's tags or in its values.
        page: the page of a stack or frame of an animation, counted from 1; by default the first.
        bands: bands of a raster, see `ReadOptions`, as for `stretch`.
        channels: channels of a stack, see `ReadOptions`, as for `z` and `t`.

    Raises:
        ImageError: it cannot be read, is too large, or is no image.
        MissingExtra: it is of a kind that needs a package which is not installed.
    """
    reading = {"value_range": value_range, "page": page, "bands": bands, "stretch": stretch}
    return read_with(image, ReadOptions(max_pixels=max_pixels, channels=channels, z=z, t=t, **reading))


def read_with(image: ImageLike, options: ReadOptions) -> RgbImage:
    """Read an image as `read_image` does, with its options in one."""
    if is_stack(image, options):
        return _from_stack(image, options)
    if isinstance(image, Image.Image):
        name = "the PIL image"
        return _from_pil(_at_page(image, name, options) if options.page else image, name, options)
    if is_raster(image, options):
        return read_placed(image, options).pixels
    if isinstance(image, str | os.PathLike) or hasattr(image, "read"):
        return _from_file(image, options)
    return rgb_of_array(as_array(image), value_range=options.value_range)


class PlacedImage(NamedTuple):
    """An image, and its place on a map if it has one."""

    pixels: RgbImage
    georeference: Georeference | None = None
    valid: Bool[np.ndarray, "height width"] | None = None
    """The pixels that have data; None if all have."""


def read_placed(image: ImageLike, options: ReadOptions) -> PlacedImage:
    """Read an image with its place on a map, which is known of rasters that GDAL reads."""
    placed = not is_stack(image, options) and is_raster(image, options)
    return _from_raster(image, options) if placed else PlacedImage(read_with(image, options))


def read_image_of_size(image: ImageLike, size_hw: tuple[int, int]) -> RgbImage:
    """Read the image that masks of this size are for.

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
    """Return the name of the file that an image comes from, without its folder; "image" where there is none."""
    origin = image if isinstance(image, str | os.PathLike) else getattr(image, "filename", getattr(image, "name", ""))
    return Path(origin).name if origin and isinstance(origin, str | os.PathLike) else "image"


def _from_raster(source: Any, options: ReadOptions) -> PlacedImage:
    with open_raster(source, options) as raster:
        height, width = raster.size_hw
        limit = pixel_limit(options.max_pixels)
        if height * width > limit:
            raise ImageError(
                f"{source} has {width} x {height} pixels, more than the {limit:,} that are allowed; use tiles, or "
                "raise the limit with HQSAM_MAX_PIXELS"
            )
        whole = slice(0, height), slice(0, width)
        return PlacedImage(raster.read(*whole), raster.georeference, raster.valid(*whole))


def _from_stack(source: Any, options: ReadOptions) -> RgbImage:
    with open_plane(Path(source), options) as plane:
        height, width = plane.size_hw
        limit = pixel_limit(options.max_pixels)
        if height * width > limit:
            raise ImageError(
                f"{source} has {width} x {height} pixels, more than the {limit:,} that are allowed; use tiles"
            )
        return plane.read_whole()


def _from_file(file: Any, options: ReadOptions) -> RgbImage:
    name = source_name(file)
    try:
        with open_image(file, options.max_pixels) as image:
            if not _is_deep_colour_tiff(image):
                return _from_pil(_at_page(image, name, options), name, options)
            try:
                return _from_tiff(file, name, options)
            except Exception:  # noqa: BLE001  (without tifffile, or on damaged files, Pillow's eight bits are left)
                note(name, "depth", 'only the high byte of its colours was read; pip install "hqsam[tiles]" reads all')
                return _from_pil(_at_page(image, name, options), name, options)
    except ImageError as error:
        if not isinstance(error.__cause__, Image.UnidentifiedImageError) or not is_tiff(first_bytes(file)):
            raise
        return _from_odd_tiff(file, name, options, error)


def _from_odd_tiff(file: Any, name: str, options: ReadOptions, error: ImageError) -> RgbImage:
    """Read a TIFF that Pillow does not know, such as of five bands, or say why it cannot be read."""
    try:
        return _from_tiff(file, name, options)
    except MissingExtra as missing:
        raise ImageError(f"cannot read {name}: Pillow does not know this kind of TIFF. {missing}") from error
    except ImageError as refused:
        raise refused from error
    except Exception as refused:  # noqa: BLE001  (on damaged files tifffile raises whatever it trips over)
        raise ImageError(f"cannot read {name}: {refused}") from error


def _from_tiff(file: Any, name: str, options: ReadOptions) -> RgbImage:
    if hasattr(file, "seek"):
        file.seek(0)
    with open_tiff(file, name, options, any_orientation=True) as tiff:
        height, width = tiff.size_hw
        limit = pixel_limit(options.max_pixels)
        if height * width > limit:
            raise ImageError(f"{name} has {width} x {height} pixels, more than the {limit:,} that are allowed")
        pixels = tiff.read(slice(0, height), slice(0, width))
    return _turned(pixels, tiff.orientation)


def _from_pil(image: Image.Image, name: str, options: ReadOptions) -> RgbImage:
    if 0 in image.size:
        raise ImageError(f"{name} has no pixels: {image.width} x {image.height}")
    try:
        declared, deep = declared_by_file(image), _deep_png(image)
        image.load()  # before the tag is asked for: a PNG may have it at its end, and Pillow turns a TIFF here
        orientation = orientation_of(image)
        plain = _plain_mode(image)
        array = np.asarray(plain) if deep is None else deep
    except Exception as error:  # as above: this is where the pixels are decoded
        raise ImageError(f"cannot read {name}: {cause_of(error)}") from error
    samples = tags_of(image)(277) or 1
    if (samples > 3 and image.mode == "RGB") or (samples == 2 and image.mode == "L"):
        note_bands(name, samples)
    array = _values_as_stored(array, tags_of(image))
    # A colour that the file calls transparent is; a channel of its own may be something else.
    clear = plain.mode == "RGBA" and image.mode not in ("RGBA", "LA")
    pixels = rgb_of_values(array, name, options.value_range, declared, nodata_of(tags_of(image)), trust_alpha=clear)
    return _turned(pixels, orientation)


def _values_as_stored(array: np.ndarray, tag: Callable[[int], Any]) -> np.ndarray:
    """Return the values of a file where Pillow changes their type, with white as the greatest."""
    if array.dtype == np.int32 and 0 <= array.min() <= array.max() <= 65535:
        array = array.astype(np.uint16)  # Pillow reads some 16-bit files into 32-bit integers
    if array.dtype == np.uint8 and tag(339) == (2,):
        array = array.view(np.int8)  # and takes signed bytes for unsigned ones
    if array.dtype == np.uint16 and tag(262) == 0:
        array = 65535 - array  # white is zero, which Pillow minds for 8 bits alone
    return array


def _at_page(image: Image.Image, name: str, options: ReadOptions) -> Image.Image:
    try:
        page = options.choose_page(_pages(image), name)
        if page != image.tell():
            image.seek(page)
    except (EOFError, OSError, SyntaxError, ValueError, struct.error) as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError(f"cannot read {name}: {cause_of(error)}") from error
    return image


def _pages(image: Image.Image) -> list[int]:
    """Return the numbers of the frames that are images of their own; of a pyramid only the finest is one."""
    frames, was_at = getattr(image, "n_frames", 1), image.tell()
    if image.format in ("MPO", None) or frames < 2:  # the further images of an MPO are previews and depth
        return [was_at]
    if image.format != "TIFF" or frames > _MANY_PAGES:
        return list(range(frames))
    full = []
    for frame in range(frames):
        image.seek(frame)
        full += [] if is_reduced(tags_of(image)(254)) else [frame]
    image.seek(was_at)
    return full or [was_at]


def _is_deep_colour_tiff(image: Image.Image) -> bool:
    """Return True for a TIFF of more than 8 bits a colour, of which Pillow keeps the high byte alone."""
    bits = tags_of(image)(258)
    return image.mode in ("RGB", "RGBA", "RGBX") and bits is not None and max(bits) > 8


def _deep_png(image: Image.Image) -> np.ndarray | None:
    """Return the 16-bit colours of a PNG, [H, W, 3 or 4]; of these Pillow keeps the high byte alone."""
    if not isinstance(image, PngImageFile) or not image.tile or image.mode.startswith("I"):
        return None
    if image.fp is None or ";16" not in str(image.tile[0].args):
        return None
    was_at = image.fp.tell()
    image.fp.seek(0)
    decoded = cv2.imdecode(np.frombuffer(image.fp.read(), np.uint8), cv2.IMREAD_UNCHANGED)
    image.fp.seek(was_at)
    if decoded is None or decoded.dtype != np.uint16 or decoded.ndim != 3:
        return None
    return cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB if decoded.shape[2] == 3 else cv2.COLOR_BGRA2RGBA)


def _turned(pixels: UInt8[np.ndarray, "_ _ 3"], orientation: int) -> UInt8[np.ndarray, "_ _ 3"]:
    if orientation == 1:
        return pixels
    return np.asarray(turned_upright(Image.fromarray(pixels), orientation))


def _plain_mode(image: Image.Image) -> Image.Image:
    """Return the image in a mode that `rgb_of_values` takes as an array: gray, RGB, RGBA, 16 bits or float."""
    if image.mode in ("LA", "PA", "La", "RGBa") or ("transparency" in image.info and image.mode in _ONE_COLOUR_CLEAR):
        return image.convert("RGBA")
    if image.mode in ("L", "RGB", "RGBA", "I", "F") or image.mode.startswith("I;16"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")
