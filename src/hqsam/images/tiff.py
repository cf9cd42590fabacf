"""Read parts of TIFF files by their own tiles or strips, of any number of channels and depth."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Num, UInt8

from hqsam import optional
from hqsam.errors import HqsamError, ImageError
from hqsam.images.image_info import is_tiff, tags_of
from hqsam.images.open_image import first_bytes, open_image
from hqsam.images.read_options import ReadOptions
from hqsam.images.to_rgb import eight_bit_alpha, is_transparency, note_bands, range_for, rgb_of_values
from hqsam.images.value_range import declared_by_tags, nodata_of

_PLACE_TAGS = (33550, 33922, 34264, 34735, 34736, 34737)
"""GeoTIFF's: scale, tie points, transformation; and the coordinate system."""

LARGEST_SEGMENT = 512 << 20
"""The largest tile or strip that is decoded, in bytes; some files are a single compressed strip."""

_KEPT_BYTES = 128 << 20
"""Decoded tiles or strips that are kept, so that a row of windows does not decode the same strips again."""

_PLAIN_ROWS = 64
"""Rows that are read at a time from a file without compression, however it divides them."""

_SAMPLED_WHOLE = 1 << 20
"""Pixels of a page that is read as a whole to find the range of its values; of a larger one, parts are."""


@contextmanager
def open_tiff(file: Any, name: str, options: ReadOptions, any_orientation: bool = False) -> Iterator["TiffWindows"]:
    """Open a page of a TIFF to read parts of it.

    Args:
        file: a path, or an open file.
        name: for messages.
        options: which page, and which values become 0 and 255; without a range, it is found in parts of the page.
        any_orientation: take a page that has to be turned upright afterwards.

    Raises:
        ImageError: it is of a kind that is not read in parts. tifffile raises other exceptions on damaged files.
        MissingExtra: tifffile is not installed.
    """
    tifffile = optional.require("tifffile", extra="tiles")
    with tifffile.TiffFile(file) as tiff:
        full_pages = [page for page in tiff.pages if not is_reduced(page.tags.valueof(254))]
        page = options.choose_page(full_pages, name)
        turned = page.tags.valueof(274) or 1
        if turned != 1 and not any_orientation:
            raise ImageError(f"{name} lies on its side (orientation {turned}); save it upright")
        yield TiffWindows(name, page, options)


def place_tags(path: Path) -> list[tuple[int, int, int, Any, bool]]:
    """Return the tags that say where on Earth a GeoTIFF lies, as tifffile's `extratags`; none for other files.

    Raises:
        MissingExtra: tifffile is not installed.
    """
    if not is_tiff(first_bytes(path)):
        return []
    with optional.require("tifffile", extra="tiles").TiffFile(path) as tiff:
        tags = [tiff.pages[0].tags.get(code) for code in _PLACE_TAGS]
        return [(tag.code, int(tag.dtype), tag.count, tag.value, True) for tag in tags if tag is not None]


def has_place(path: Path) -> bool:
    """Return True for a GeoTIFF, if Pillow or an installed tifffile can open it."""
    if not is_tiff(first_bytes(path)):
        return False
    try:
        with open_image(path) as image:
            return any(tags_of(image)(code) is not None for code in _PLACE_TAGS[:3])
    except HqsamError:
        return optional.is_installed("tifffile") and bool(place_tags(path))


def is_reduced(subfile_type: Any) -> bool:
    """Return True for a page that is a smaller copy or a mask of another, by the value of its tag NewSubfileType."""
    return bool(int(subfile_type or 0) & 5)


class TiffWindows:
    """A page of a TIFF file of which any part can be read."""

    def __init__(self, name: str, page: Any, options: ReadOptions) -> None:
        self._name, self._page = name, page
        self.size_hw = (int(page.imagelength), int(page.imagewidth))
        self.orientation = int(page.tags.valueof(274) or 1)
        self._channels, self._planes = int(page.samplesperpixel), 1
        if page.planarconfig == 2:
            self._planes = self._channels
        self._plain_from = _start_of_plain_pixels(page)
        high, wide = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, page.imagewidth)
        self._segment_hw = (_PLAIN_ROWS if self._plain_from is not None else min(int(high), self.size_hw[0])), int(wide)
        self._decoded: OrderedDict[int, np.ndarray] = OrderedDict()
        self._check()
        self._has_alpha = self._channels == 4 and bool(page.extrasamples) and page.extrasamples[0] in (1, 2)
        if self._channels == 2 or (self._channels > 3 and not self._has_alpha):
            note_bands(name, self._channels)
        self._range = self._choose_range(options)

    def read(self, rows: slice, columns: slice) -> UInt8[np.ndarray, "rows columns 3"]:
        """Return a part of the page as uint8 RGB."""
        return rgb_of_values(
            self._with_known_channels(self._read(rows, columns)), self._name, self._range, trust_alpha=True
        )

    def _read(self, rows: slice, columns: slice) -> Num[np.ndarray, "rows columns channels"]:
        """Return a part of the page with all its channels."""
        height, width = rows.stop - rows.start, columns.stop - columns.start
        window = np.zeros((height, width, self._channels), self._page.dtype)
        (high, wide), (down, across) = self._segment_hw, self._segments_hw
        touched_rows = range(rows.start // high, -(-rows.stop // high))
        touched_columns = range(columns.start // wide, -(-columns.stop // wide))
        for plane, row, column in product(range(self._planes), touched_rows, touched_columns):
            segment = self._segment((plane * down + row) * across + column)
            if segment is not None:
                self._paste(segment, window, plane, row * high - rows.start, column * wide - columns.start)
        return window

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
            raise ImageError(f"cannot read {self._name}: {error}{self._hint()}") from error
        return decoded[0]

    def _read_rows(self, start: int, first: int) -> np.ndarray:
        """Return rows of pixels that are stored without compression."""
        shape = (min(_PLAIN_ROWS, self.size_hw[0] - first), self.size_hw[1], self._channels)
        dtype, row_bytes = self._page.dtype, shape[1] * shape[2] * self._page.dtype.itemsize
        self._page.parent.filehandle.seek(start + first * row_bytes)
        data = self._page.parent.filehandle.read(shape[0] * row_bytes)
        if len(data) < shape[0] * row_bytes:
            raise ImageError(f"cannot read {self._name}: it ends before its last row; it was cut short")
        return np.frombuffer(data, dtype.newbyteorder(self._page.parent.byteorder)).reshape(shape)

    def _hint(self) -> str:
        """Return advice for a compression that no installed package can decode."""
        compression = getattr(self._page.compression, "name", str(self._page.compression)).lower()
        return (
            f"; it is compressed by {compression}: try again after pip install imagecodecs"
            if compression != "none"
            else ""
        )

    def _with_known_channels(self, window: np.ndarray) -> np.ndarray:
        """Return the window as gray, RGB or RGBA; of more channels, the first three."""
        if self._page.photometric == 0 and window.dtype.kind == "u":  # white is zero
            window = np.iinfo(window.dtype).max - window
        if self._channels == 2:
            return window[..., :1]
        return window if self._has_alpha else window[..., :3]

    def _choose_range(self, options: ReadOptions) -> tuple[float, float] | None:
        """Return one range of values for all windows, and find out whether a fourth channel is transparency."""
        is_deep = self._page.dtype != np.uint8
        if not self._has_alpha and (options.value_range is not None or not is_deep):
            return options.value_range
        sample = self._sample()
        self._has_alpha = self._has_alpha and is_transparency(
            eight_bit_alpha(sample[..., 3]), sample[..., :3], self._name
        )
        if options.value_range is not None or not is_deep:
            return options.value_range
        colours, tag = self._with_known_channels(sample)[..., :3], self._page.tags.valueof
        chosen = range_for(colours, self._name, declared=declared_by_tags(tag), nodata=nodata_of(tag))
        return chosen.low, chosen.high

    def _sample(self) -> np.ndarray:
        """Return values of parts that are spread over the page, [1, N, channels]; of a small page all."""
        height, width = self.size_hw
        if height * width <= _SAMPLED_WHOLE:
            return self._read(slice(0, height), slice(0, width)).reshape(1, -1, self._channels)
        tops, lefts = (np.linspace(0, max(0, side - 64), 8).astype(int).tolist() for side in self.size_hw)
        parts = [
            self._read(slice(top, min(top + 64, height)), slice(left, min(left + 64, width))).reshape(
                -1, self._channels
            )
            for top, left in product(tops, lefts)
        ]
        return np.concatenate(parts)[None]

    def _check(self) -> None:
        page, bytes_each = self._page, self._page.dtype.itemsize if self._page.dtype else 0
        if page.dtype is None or page.dtype.kind not in "uif" or page.bitspersample < 8 or not _is_known_colour(page):
            kind = getattr(page.photometric, "name", page.photometric)
            raise ImageError(f"{self._name} is {kind} of {page.dtype}; save it as gray or RGB of 8 or 16 bits")
        if page.imagedepth > 1:
            raise ImageError(f"{self._name} is a volume; save a slice of it")
        height, width = self._segment_hw
        if height * width * self._channels * bytes_each > LARGEST_SEGMENT:
            raise ImageError(
                f"{self._name} is stored in pieces of {width} x {height} pixels, too large to be read in parts; "
                "save it as a tiled TIFF"
            )


def _start_of_plain_pixels(page: Any) -> int | None:
    """Return the offset in the file of all pixels, if they are stored in order and without compression."""
    plain = page.compression == 1 and page.predictor == 1 and page.fillorder == 1 and not page.is_tiled
    return int(page.dataoffsets[0]) if plain and page.planarconfig == 1 and page.is_contiguous else None


def _is_known_colour(page: Any) -> bool:
    """Return True for gray, RGB, and the YCbCr of JPEG, which its decoder converts to RGB."""
    return page.photometric in (0, 1, 2) or (page.photometric == 6 and page.compression == 7)
