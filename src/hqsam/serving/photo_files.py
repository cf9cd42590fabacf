"""Files that claim to be photos: what they are by their content, how large, and how a browser can show them."""

import io
from pathlib import Path

from PIL import Image

from hqsam.errors import ImageError
from hqsam.images.image_info import SIGNATURES, begins_as_image, orientation_of, upright_size_hw
from hqsam.images.reading import open_image, read_image
from hqsam.serving.refusal import Refusal

THUMBNAIL_SIDE = 256
_AS_THEY_ARE = {"JPEG": "image/jpeg", "MPO": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


def check_kind(data: bytes, name: str) -> None:
    """Look at how it begins.

    Raises:
        Refusal: 415, it is none of the kinds that we read.
    """
    if not begins_as_image(data):
        raise Refusal(415, "type", f"{name} is no photo by its content; send one as {', '.join(SIGNATURES)}")


def size_of(source: str | Path | io.BytesIO, max_pixels: int) -> tuple[int, int]:
    """Height and width as it is shown, without decoding it.

    Raises:
        ImageError: it is damaged, too large, or of a kind that we do not read.
    """
    with _open(source, max_pixels) as picture:
        return upright_size_hw(picture)


def check_whole(source: io.BytesIO, name: str, max_pixels: int) -> tuple[int, int]:
    """Height and width of an upload, decoded once to the end, so that what is kept can be opened.

    Raises:
        ImageError: it is damaged, cut off, or too large.
    """
    try:
        with _open(source, max_pixels) as picture:
            size = upright_size_hw(picture)
            picture.load()
            return size
    except ImageError as error:
        raise ImageError(str(error).replace("the open file", name)) from error
    except Exception as error:  # on damaged files Pillow's readers raise whatever they trip over
        raise ImageError(f"cannot read {name}: {error}") from error


def thumbnail(path: Path, max_pixels: int) -> bytes:
    """A small JPEG.

    Raises:
        ImageError: it cannot be read.
    """
    with _open(path, max_pixels) as picture:
        picture.draft("RGB", (2 * THUMBNAIL_SIDE, 2 * THUMBNAIL_SIDE))
        small = Image.fromarray(read_image(picture))
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    return _encoded(small, "JPEG", quality=82)


def shown_by_browsers(path: Path, max_pixels: int) -> tuple[bytes | None, str]:
    """The photo as a browser can show it, and its media type; None for its bytes if they are those of the file.

    What browsers show as we read it goes as it is: JPEG, also turned by its tag, and still, opaque 8-bit PNG and WebP.
    All else becomes a PNG, without loss.

    Raises:
        ImageError: it cannot be read.
    """
    with _open(path, max_pixels) as picture:
        kind = _AS_THEY_ARE.get(picture.format or "")
        plain = picture.mode in ("L", "RGB") and "transparency" not in picture.info
        still = getattr(picture, "n_frames", 1) == 1 or picture.format == "MPO"
        turned = picture.format not in ("JPEG", "MPO") and orientation_of(picture) != 1
        if kind and plain and still and not turned:
            return None, kind
        return _encoded(Image.fromarray(read_image(picture)), "PNG", compress_level=1), "image/png"


def _open(source: str | Path | io.BytesIO, max_pixels: int) -> Image.Image:
    picture = open_image(source, max_pixels)
    if picture.format not in SIGNATURES:
        picture.close()
        raise ImageError(f"{source} is a {picture.format} file; expected one of {', '.join(SIGNATURES)}")
    return picture


def _encoded(picture: Image.Image, kind: str, **how: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, format=kind, **how)
    return file.getvalue()
