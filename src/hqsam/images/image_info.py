"""Facts about image files that need no pixels: suffixes, kinds by content, orientation, upright size."""

from collections.abc import Callable
from pathlib import PurePath
from typing import Any

from PIL import Image

from hqsam import optional

LOSSY_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".webp")
TIFF_SUFFIXES = (".tif", ".tiff", ".btf", ".tf8")
IMAGE_SUFFIXES = (
    *LOSSY_SUFFIXES,
    *(".png", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".avif"),
)
"""Endings of the files that are taken for images, in lower case, the most frequent first."""

HEIF_SUFFIXES = (".heic", ".heif", ".hif")
"""Endings of images that pillow-heif reads, where it is installed."""

_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
SIGNATURES = {
    "JPEG": (b"\xff\xd8\xff",),
    "MPO": (b"\xff\xd8\xff",),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "WEBP": (b"RIFF",),
    "BMP": (b"BM",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "TIFF": (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"),
    "PPM": (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6"),
    "JPEG2000": (b"\x00\x00\x00\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
    "AVIF": (b"ftypavif", b"ftypavis"),
    "HEIF": tuple(b"ftyp" + brand for brand in _HEIF_BRANDS),
}
"""Pillow's names of the formats that strangers may send, and how such files begin; AVIF and HEIF at the fifth byte.

Pillow reads further formats, some by running programs.
"""

_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def is_image_name(name: str) -> bool:
    """Return True for a file name with an image's suffix that is not hidden, as the `._a.jpg` of Macs are."""
    suffix = PurePath(name).suffix.lower()
    known = suffix in IMAGE_SUFFIXES or (suffix in HEIF_SUFFIXES and optional.is_installed("pillow_heif"))
    return known and not name.startswith(".")


def is_heif(data: bytes) -> bool:
    """Return True for the beginning of a HEIF file, such as the HEIC of phones."""
    return data[4:8] == b"ftyp" and data[8:12] in (
        b"heic",
        b"heix",
        b"heim",
        b"heis",
        b"hevc",
        b"hevx",
        b"mif1",
        b"msf1",
    )


def is_tiff(data: bytes) -> bool:
    """Return True for the beginning of a TIFF file."""
    return data.startswith(SIGNATURES["TIFF"])


def begins_as_image(data: bytes) -> bool:
    """Return True for the contents of a file in one of the formats of `SIGNATURES`."""
    start = data[4:12] if data[4:8] == b"ftyp" else data
    return any(start.startswith(signatures) for signatures in SIGNATURES.values())


def tags_of(image: Image.Image) -> Callable[[int], Any]:
    """Return a function from the number of a TIFF tag to its value; None for tags that are not there."""
    return getattr(image, "tag_v2", {}).get


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation: 1 is upright, 5 to 8 lie on their side; 1 where there is none that can be read."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001  (a broken tag is no reason to refuse an image that can be seen)
        return 1


def turned_upright(image: Image.Image, orientation: int) -> Image.Image:
    """Return an image turned as its EXIF orientation says."""
    turn = _UPRIGHT.get(orientation)
    return image if turn is None else image.transpose(turn)


def upright_size_hw(image: Image.Image) -> tuple[int, int]:
    """Return the height and width of an image as it is shown, without decoding it."""
    width, height = image.size
    return (width, height) if orientation_of(image) in (5, 6, 7, 8) else (height, width)
