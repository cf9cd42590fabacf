"""Image files: their type by content, their size, thumbnails, and versions that a browser can show."""

import io
from pathlib import Path

from PIL import Image

from hqsam.errors import ImageError
from hqsam.images.image_info import SIGNATURES, begins_as_image, orientation_of, upright_size_hw
from hqsam.images.open_image import open_image
from hqsam.images.reading import read_image
from hqsam.serving.store.errors import UnsupportedFileError

THUMBNAIL_SIDE = 256
_BROWSER_TYPES = {"JPEG": "image/jpeg", "MPO": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


def check_kind(data: bytes, name: str) -> None:
    """Check an upload by its first bytes.

    Raises:
        UnsupportedFileError: it is of none of the types that are read.
    """
    if not begins_as_image(data):
        raise UnsupportedFileError(f"{name} is not an image by its content; send one as {', '.join(SIGNATURES)}")


def size_of(source: str | Path | io.BytesIO, max_pixels: int) -> tuple[int, int]:
    """Return the upright height and width, without decoding the image.

    Raises:
        ImageError: it is damaged, too large, or of a type that is not read.
    """
    with _open(source, max_pixels) as image:
        return upright_size_hw(image)


def check_whole(source: io.BytesIO, name: str, max_pixels: int) -> tuple[int, int]:
    """Return the upright height and width of an upload, decoded to the end, so that what is stored can be opened.

    Raises:
        ImageError: it is damaged, cut off, or too large.
    """
    try:
        with _open(source, max_pixels) as image:
            size = upright_size_hw(image)
            image.load()
            return size
    except ImageError as error:
        raise ImageError(str(error).replace("the open file", name)) from error
    except Exception as error:  # on damaged files Pillow's readers raise whatever they trip over
        raise ImageError(f"cannot read {name}: {error}") from error


def thumbnail(path: Path, max_pixels: int) -> bytes:
    """Return a small JPEG.

    Raises:
        ImageError: it cannot be read.
    """
    with _open(path, max_pixels) as image:
        image.draft("RGB", (2 * THUMBNAIL_SIDE, 2 * THUMBNAIL_SIDE))
        small = Image.fromarray(read_image(image))
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    return _encoded(small, "JPEG", quality=82)


def for_browser(path: Path, max_pixels: int) -> tuple[bytes | None, str]:
    """Return bytes that a browser can show, and their media type; None for the bytes if the file itself will do.

    Files that browsers show as the model sees them are sent as they are: JPEG, also rotated by its tag, and still,
    opaque 8-bit PNG and WebP. All others become PNG, without loss.

    Raises:
        ImageError: it cannot be read.
    """
    with _open(path, max_pixels) as image:
        kind = _BROWSER_TYPES.get(image.format or "")
        plain = image.mode in ("L", "RGB") and "transparency" not in image.info
        still = getattr(image, "n_frames", 1) == 1 or image.format == "MPO"
        rotated = image.format not in ("JPEG", "MPO") and orientation_of(image) != 1
        if kind and plain and still and not rotated:
            return None, kind
        return _encoded(Image.fromarray(read_image(image)), "PNG", compress_level=1), "image/png"


def _open(source: str | Path | io.BytesIO, max_pixels: int) -> Image.Image:
    image = open_image(source, max_pixels)
    if image.format not in SIGNATURES:
        image.close()
        raise ImageError(f"{source} is a {image.format} file; expected one of {', '.join(SIGNATURES)}")
    return image


def _encoded(image: Image.Image, kind: str, **how: int) -> bytes:
    file = io.BytesIO()
    image.save(file, format=kind, **how)
    return file.getvalue()
