"""Read windows of images larger than memory: TIFF by its own tiles or strips, other files as a whole."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, UInt8

from hqsam import optional
from hqsam.errors import ImageError
from hqsam.geo.georeference import Georeference
from hqsam.images.image_info import TIFF_SUFFIXES
from hqsam.images.raster import open_raster
from hqsam.images.raster_source import is_raster
from hqsam.images.read_options import DEFAULTS, ReadOptions
from hqsam.images.reading import read_with
from hqsam.images.stacks.open_stack import is_stack
from hqsam.images.stacks.plane import open_plane
from hqsam.images.tiff import open_tiff
from hqsam.images.tiff_page import LARGEST_SEGMENT


@runtime_checkable
class Windows(Protocol):
    """An image of which any part can be read."""

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the image."""
        ...

    def read(self, rows: slice, columns: slice) -> UInt8[np.ndarray, "rows columns 3"]:
        """Return a part of the image as uint8 RGB."""
        ...

    def valid(self, rows: slice, columns: slice) -> Bool[np.ndarray, "rows columns"] | None:
        """Return which pixels of a part have data; None where all have."""
        ...

    @property
    def georeference(self) -> Georeference | None:
        """The place on Earth; None where it is not known, or not read."""
        ...


@contextmanager
def open_windows(path: Path, options: ReadOptions = DEFAULTS) -> Iterator[Windows]:
    """Open an image to read parts of it. Only the parts of a TIFF, or of a raster that GDAL reads, come into memory.

    A TIFF that cannot be read in parts, because of its colour space for example, is read as a whole if it is not too
    large.

    Args:
        path: the file.
        options: as for `read_image`; all windows have the same range of values, found in some parts of the image.

    Raises:
        ImageError: it cannot be read, or not in parts.
        MissingExtra: it is a TIFF, and tifffile is not installed.
    """
    if is_stack(path, options):
        with open_plane(path, options) as plane:
            yield plane
        return
    if is_raster(path, options):
        with open_raster(path, options) as raster:
            yield raster
        return
    if path.suffix.lower() not in TIFF_SUFFIXES:
        yield _InMemory(read_with(path, options))
        return
    if not path.is_file():
        raise ImageError(f"cannot read {path}: there is no such file")
    optional.require("tifffile", extra="tiles")
    with ExitStack() as opened:
        try:
            windows: Windows = opened.enter_context(open_tiff(path, str(path), options))
        except Exception as error:  # noqa: BLE001 (on damaged files it raises whatever it trips over)
            windows = _as_a_whole(path, error, options)
        yield windows


def _as_a_whole(path: Path, refused: Exception, options: ReadOptions) -> "_InMemory":
    try:
        return _InMemory(read_with(path, replace(options, max_pixels=LARGEST_SEGMENT // 3)))
    except ImageError:
        reason = refused if isinstance(refused, ImageError) else ImageError(f"cannot read {path}: {refused}")
        raise reason from refused


class _InMemory:
    """An image that fits in memory."""

    def __init__(self, pixels: UInt8[np.ndarray, "height width 3"]) -> None:
        self._pixels, self.size_hw = pixels, (pixels.shape[0], pixels.shape[1])

    def read(self, rows: slice, columns: slice) -> UInt8[np.ndarray, "rows columns 3"]:
        return self._pixels[rows, columns]

    def valid(self, rows: slice, columns: slice) -> None:
        return None

    @property
    def georeference(self) -> None:
        return None
