"""Read windows of images larger than memory: TIFF by its own tiles or strips, other files as a whole."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from hqsam import optional
from hqsam.errors import ImageError
from hqsam.images.image_info import TIFF_SUFFIXES
from hqsam.images.reading import read_image

_KEPT_BYTES = 128 << 20
"""Decoded tiles or strips that are kept, so that a row of windows does not decode the same strips again."""

_PLAIN_ROWS = 64
"""Rows that are read at a time from a file without compression, however it divides them."""

_LARGEST_SEGMENT = 512 << 20
"""The largest tile or strip that is decoded, in bytes; some files are a single compressed strip."""


@runtime_checkable
class Windows(Protocol):
    """An image of which any part can be read."""

    size_hw: tuple[int, int]

    def read(self, rows: slice, columns: slice) -> UInt8[np.ndarray, "rows columns 3"]:
        """Return a part of the image as uint8 RGB."""
        ...


@contextmanager
def open_windows(path: Path) -> Iterator[Windows]:
    """Open an image to read parts of it. Only the parts of a TIFF that are read come into memory.

    A TIFF that cannot be read in parts, because of its colour space for example, is read as a whole if it is not too
    large.

    Raises:
        ImageError: it cannot be read, or not in parts.
        MissingExtra: it is a TIFF, and tifffile is not installed.
    """
    if path.suffix.lower() not in TIFF_SUFFIXES:
        yield _InMemory(read_image(path))
        return
    if not path.is_file():
        raise ImageError(f"cannot read {path}: there is no such file")
    tifffile = optional.require("tifffile", extra="tiles")
    with ExitStack() as opened:
        try:
            windows: Windows = _Tiff(path, opened.enter_context(tifffile.TiffFile(path)).pages[0])
        except Exception as error:  # noqa: BLE001 (on damaged files it raises whatever it trips over)
            windows = _as_a_whole(path, error)
        yield windows


def _as_a_whole(path: Path, refused: Exception) -> "_InMemory":
    try:
        return _InMemory(read_image(path, _LARGEST_SEGMENT // 3))
    except ImageError:
        reason = refused if isinstance(refused, ImageError) else ImageError(f"cannot read {path}: {refused}")
        raise reason from refused


class _InMemory:
    """An image that fits in memory."""

    def __init__(self, pixels: UInt8[np.ndarray, "height width 3"]) -> None:
        self._pixels, self.size_hw = pixels, (pixels.shape[0], pixels.shape[1])

    def read(self, rows: slice, columns: slice) -> UInt8[np.ndarray, "rows columns 3"]:
        return self._pixels[rows, columns]


class _Tiff:
    """The first page of a TIFF file, which is the finest one of a pyramid."""

    def __init__(self, path: Path, page: Any) -> None:
        self._path, self._page = path, page
        self.size_hw = (int(page.imagelength), int(page.imagewidth))
        self._channels, self._planes = int(page.samplesperpixel), 1
        if page.planarconfig == 2:
            self._planes = self._channels
        self._plain_from = _start_of_plain_pixels(page)
        high, wide = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, page.imagewidth)
        self._segment_hw = (_PLAIN_ROWS if self._plain_from is not None else min(int(high), self.size_hw[0])), int(wide)
        self._decoded: OrderedDict[int, np.ndarray] = OrderedDict()
        self._check()

    def read(self, rows: slice, columns: slice) -> UInt8[np.ndarray, "rows columns 3"]:
        height, width = rows.stop - rows.start, columns.stop - columns.start
        window = np.zeros((height, width, self._channels), self._page.dtype)
        (high, wide), (down, across) = self._segment_hw, self._segments_hw
        touched_rows = range(rows.start // high, -(-rows.stop // high))
        touched_columns = range(columns.start // wide, -(-columns.stop // wide))
        for plane, row, column in product(range(self._planes), touched_rows, touched_columns):
            segment = self._segment((plane * down + row) * across + column)
            if segment is not None:
                self._paste(segment, window, plane, row * high - rows.start, column * wide - columns.start)
        return read_image(self._as_image(window))

    @property
    def _segments_hw(self) -> tuple[int, int]:
        """Return the number of tiles or strips, down and across."""
        (height, width), (high, wide) = self.size_hw, self._segment_hw
        return -(-height // high), -(-width // wide)

    def _paste(self, segment: np.ndarray, window: np.ndarray, plane: int, top: int, left: int) -> None:
        """Copy the part of a segment [h, w, channels] that lies in the window."""
        channels = slice(plane, plane + 1) if self._planes > 1 else slice(None)
        y0, x0 = max(0, top), max(0, left)
        part = segment[y0 - top : window.shape[0] - top, x0 - left : window.shape[1] - left]
        window[y0 : y0 + part.shape[0], x0 : x0 + part.shape[1], channels] = part

    def _segment(self, index: int) -> np.ndarray | None:
        """Return a decoded tile or strip; None where the file leaves it out because it is black."""
        if index in self._decoded:
            self._decoded.move_to_end(index)
            return self._decoded[index]
        segment = self._decode(index)
        if segment is not None:
            self._decoded[index] = segment
            while len(self._decoded) > 1 and sum(one.nbytes for one in self._decoded.values()) > _KEPT_BYTES:
                self._decoded.popitem(last=False)
        return segment

    def _decode(self, index: int) -> np.ndarray | None:
        page = self._page
        if self._plain_from is not None:
            return self._read_rows(self._plain_from, index * _PLAIN_ROWS)
        if not page.databytecounts[index]:
            return None
        try:
            page.parent.filehandle.seek(page.dataoffsets[index])
            data = page.parent.filehandle.read(page.databytecounts[index])
            decoded, _, _ = page.decode(data, index, jpegtables=page.jpegtables)
        except Exception as error:  # codecs raise whatever they trip over
            raise ImageError(f"cannot read {self._path}: {error}{self._hint()}") from error
        return decoded[0]

    def _read_rows(self, start: int, first: int) -> np.ndarray:
        """Return rows of pixels that are stored without compression."""
        shape = (min(_PLAIN_ROWS, self.size_hw[0] - first), self.size_hw[1], self._channels)
        dtype, row_bytes = self._page.dtype, shape[1] * shape[2] * self._page.dtype.itemsize
        self._page.parent.filehandle.seek(start + first * row_bytes)
        data = self._page.parent.filehandle.read(shape[0] * row_bytes)
        if len(data) < shape[0] * row_bytes:
            raise ImageError(f"cannot read {self._path}: it ends before its last row; it was cut short")
        return np.frombuffer(data, dtype.newbyteorder(self._page.parent.byteorder)).reshape(shape)

    def _hint(self) -> str:
        """Return advice for a compression that no installed package can decode."""
        compression = getattr(self._page.compression, "name", str(self._page.compression)).lower()
        return (
            f"; it is compressed by {compression}: try again after pip install imagecodecs"
            if compression != "none"
            else ""
        )

    def _as_image(self, window: np.ndarray) -> np.ndarray:
        """Return the window with the channels that `read_image` knows: of more than four, the first three are RGB."""
        if self._page.photometric == 0:  # white is zero
            window = np.iinfo(window.dtype).max - window
        alpha = len(self._page.extrasamples) > 0 and self._page.extrasamples[0] in (1, 2)
        if self._channels > 3 and not (self._channels == 4 and alpha):
            window = window[..., :3]
        return window[..., :1] if self._channels == 2 else window

    def _check(self) -> None:
        page, bytes_each = self._page, self._page.dtype.itemsize if self._page.dtype else 0
        turned = page.tags.get(274)
        if turned is not None and turned.value != 1:
            raise ImageError(f"{self._path} lies on its side (orientation {turned.value}); save it upright")
        if page.dtype is None or page.dtype.kind != "u" or bytes_each > 2 or not _is_known_colour(page):
            kind = getattr(page.photometric, "name", page.photometric)
            raise ImageError(f"{self._path} is {kind} of {page.dtype}; save it as gray or RGB of 8 or 16 bits")
        if page.imagedepth > 1:
            raise ImageError(f"{self._path} is a volume; save a slice of it")
        height, width = self._segment_hw
        if height * width * self._channels * bytes_each > _LARGEST_SEGMENT:
            raise ImageError(
                f"{self._path} is stored in pieces of {width} x {height} pixels, too large to be read in parts; "
                "save it as a tiled TIFF"
            )


def _start_of_plain_pixels(page: Any) -> int | None:
    """Return the offset in the file of all pixels, if they are stored in order and without compression."""
    plain = page.compression == 1 and page.predictor == 1 and page.fillorder == 1 and not page.is_tiled
    return int(page.dataoffsets[0]) if plain and page.planarconfig == 1 and page.is_contiguous else None


def _is_known_colour(page: Any) -> bool:
    """Return True for gray, RGB, and the YCbCr of JPEG, which its decoder converts to RGB."""
    return page.photometric in (0, 1, 2) or (page.photometric == 6 and page.compression == 7)
