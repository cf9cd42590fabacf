"""A page of a TIFF, of which any part is read as the values that it holds: by its own tiles or strips."""

from collections import OrderedDict
from itertools import product
from typing import Any

import numpy as np
from jaxtyping import Num

from hqsam.errors import ImageError

LARGEST_SEGMENT = 512 << 20
"""The largest tile or strip that is decoded, in bytes; some files are a single compressed strip."""

_KEPT_BYTES = 128 << 20
"""Decoded tiles or strips that are kept, so that a row of windows does not decode the same strips again."""

_PLAIN_ROWS = 64
"""Rows that are read at a time from a file without compression, however it divides them."""


class TiffPage:
    """A page of a TIFF file of which any part can be read."""

    def __init__(self, name: str, page: Any, offset: int = 0) -> None:
        """Take a page.

        Args:
            name: for messages.
            page: tifffile's `TiffPage` or `TiffFrame`.
            offset: bytes behind the page's own pixels where others of the same kind lie: a stack of ImageJ may have a
                page for its first plane alone.

        Raises:
            ImageError: it is of a kind that is not read in parts.
        """
        self._name, self._page, self._facts = name, page, page.keyframe
        facts = self._facts
        self.size_hw = (int(facts.imagelength), int(facts.imagewidth))
        self.channels, self._planes = int(facts.samplesperpixel), 1
        if facts.planarconfig == 2:
            self._planes = self.channels
        start = _start_of_plain_pixels(page)
        self._plain_from = None if start is None else start + offset
        if self._plain_from is None and offset:
            raise ImageError(f"cannot read {name}: its planes are neither pages nor stored one after the other")
        high, wide = (facts.tilelength, facts.tilewidth) if facts.is_tiled else (facts.rowsperstrip, facts.imagewidth)
        self._segment_hw = (_PLAIN_ROWS if self._plain_from is not None else min(int(high), self.size_hw[0])), int(wide)
        self._decoded: OrderedDict[int, np.ndarray] = OrderedDict()
        self._check()

    @property
    def dtype(self) -> np.dtype:
        """The type of the values."""
        return self._facts.dtype

    def read(self, rows: slice, columns: slice) -> Num[np.ndarray, "rows columns channels"]:
        """Return a part of the page with all its channels."""
        height, width = rows.stop - rows.start, columns.stop - columns.start
        window = np.zeros((height, width, self.channels), self._facts.dtype)
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
        shape = (min(_PLAIN_ROWS, self.size_hw[0] - first), self.size_hw[1], self.channels)
        dtype, row_bytes = self._facts.dtype, shape[1] * shape[2] * self._facts.dtype.itemsize
        self._page.parent.filehandle.seek(start + first * row_bytes)
        data = self._page.parent.filehandle.read(shape[0] * row_bytes)
        if len(data) < shape[0] * row_bytes:
            raise ImageError(f"cannot read {self._name}: it ends before its last row; it was cut short")
        return np.frombuffer(data, dtype.newbyteorder(self._page.parent.byteorder)).reshape(shape)

    def _hint(self) -> str:
        """Return advice for a compression that no installed package can decode."""
        compression = getattr(self._facts.compression, "name", str(self._facts.compression)).lower()
        return (
            f"; it is compressed by {compression}: try again after pip install imagecodecs"
            if compression != "none"
            else ""
        )

    def _check(self) -> None:
        facts, bytes_each = self._facts, self._facts.dtype.itemsize if self._facts.dtype else 0
        if (
            facts.dtype is None
            or facts.dtype.kind not in "uif"
            or facts.bitspersample < 8
            or not _is_known_colour(facts)
        ):
            kind = getattr(facts.photometric, "name", facts.photometric)
            raise ImageError(f"{self._name} is {kind} of {facts.dtype}; save it as gray or RGB of 8 or 16 bits")
        if facts.imagedepth > 1:
            raise ImageError(f"{self._name} is a volume; save a slice of it")
        height, width = self._segment_hw
        if height * width * self.channels * bytes_each > LARGEST_SEGMENT:
            raise ImageError(
                f"{self._name} is stored in pieces of {width} x {height} pixels, too large to be read in parts; "
                "save it as a tiled TIFF"
            )


def _start_of_plain_pixels(page: Any) -> int | None:
    """Return the offset in the file of all pixels, if they are stored in order and without compression."""
    facts = page.keyframe
    plain = facts.compression == 1 and facts.predictor == 1 and facts.fillorder == 1 and not facts.is_tiled
    return int(page.dataoffsets[0]) if plain and facts.planarconfig == 1 and page.is_contiguous else None


def _is_known_colour(page: Any) -> bool:
    """Return True for gray, RGB, and the YCbCr of JPEG, which its decoder converts to RGB."""
    return page.photometric in (0, 1, 2) or (page.photometric == 6 and page.compression == 7)
