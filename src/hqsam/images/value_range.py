"""Choose the range of values that becomes 0 to 255, for images of more than 8 bits.

A file of 16 bits often holds 10 or 12, which a fixed shift would make nearly black. The range comes from the caller,
from the file's tags, or from its values.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Num, UInt8
from PIL import Image

from hqsam.errors import OptionError
from hqsam.images.image_info import tags_of
from hqsam.images.row_chunks import row_chunks

_FULL = 65535
_SAMPLED = 1 << 20
"""Values that are looked at to find a range."""
_HUGE = 1e30
"""Floats beyond this stand for no value, as in many maps."""
_OUTLIERS = 0.1
"""Per cent at either end that may be single bright or dead pixels."""
_FILLS_BITS, _FILLS_16_BITS = 0.6, 0.25
"""Share of the values of its bits that a signal has to fill to be taken as it is: of up to 14 bits, and of 16."""


@dataclass(frozen=True)
class ValueRange:
    """The values that become 0 and 255."""

    low: float
    high: float
    origin: str = ""
    """A few words on where it comes from; empty where it goes without saying."""

    def to_8_bit(self, values: Num[np.ndarray, "height width channel"]) -> UInt8[np.ndarray, "height width channel"]:
        """Scale values; those outside the range become 0 or 255, and NaN 0."""
        scaled = np.empty(values.shape, np.uint8)
        bits = int(self.high).bit_length()
        is_shift = values.dtype.kind == "u" and self.low == 0 and bits >= 8 and self.high == 2**bits - 1
        is_shift = is_shift and self.high <= np.iinfo(values.dtype).max  # NumPy has no such number of this type
        for chunk in row_chunks((values.shape[0], values.shape[1])):
            part = values[chunk.rows]
            if is_shift:  # the high byte, as Pillow takes it of 16-bit RGB
                scaled[chunk.rows] = np.minimum(part, int(self.high)) >> (bits - 8)
                continue
            share = (part.astype(np.float64) - self.low) * (255 / (self.high - self.low))
            scaled[chunk.rows] = np.rint(np.clip(np.nan_to_num(share, nan=0.0), 0, 255))
        return scaled


def check_value_range(value_range: tuple[float, float]) -> ValueRange:
    """Return a caller's range.

    Raises:
        OptionError: it is not two rising numbers.
    """
    low, high = value_range
    if not float("-inf") < low < high < float("inf"):
        raise OptionError(f"value_range is {low:g} to {high:g}; give two rising numbers, such as (0, 4095) for 12 bits")
    return ValueRange(low, high)


def choose_value_range(
    values: np.ndarray, declared: tuple[float, float] | None = None, nodata: float | None = None
) -> ValueRange:
    """Return the range of an image of more than 8 bits.

    Args:
        values: all of the image, or a part that stands for it.
        declared: what its file says, which is believed if nearly all values are in it.
        nodata: a value that stands for no value.
    """
    sample = _sample(values, nodata)
    if not sample.size:
        return ValueRange(0, 1)
    if declared and _is_believable(declared, sample, values.dtype):
        return ValueRange(*declared, "the file's own range")
    low, high = np.percentile(sample, [_OUTLIERS, 100 - _OUTLIERS])
    full, enough = _full_range(values.dtype, float(high))
    if low >= 0 and high <= full and high - low >= enough * full:
        return ValueRange(0, full, "" if full in (1, _FULL) else "the range that its values fill")
    return _range_of_data(sample, float(low), float(high))


def declared_by_tags(tag: Callable[[int], Any]) -> tuple[float, float] | None:
    """Return the range of values that a TIFF's tags tell; `tag` returns the value of one by its number, or None."""
    text = tag(270)
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text or "")
    if text.startswith("ImageJ="):
        shown = [re.search(rf"^{name}=(\S+)", text, re.MULTILINE) for name in ("min", "max")]
        if all(shown):
            return _rising(*(one[1] for one in shown if one))
    if significant := re.search(r'SignificantBits="(\d+)"', text):  # OME-TIFF
        return 0, 2 ** int(significant[1]) - 1
    for smallest, largest in ((340, 341), (280, 281)):  # SMin- and SMaxSampleValue, Min- and MaxSampleValue
        if tag(largest) is not None:
            return _rising(np.min(tag(smallest) or 0), np.max(tag(largest)))
    bits = int(np.max(tag(258) or 8))
    return (0, 2**bits - 1) if bits not in (8, 16, 32, 64) else None


def nodata_of(tag: Callable[[int], Any]) -> float | None:
    """Return the value that stands for no value in a TIFF written by GDAL."""
    try:
        return float(tag(42113))
    except (TypeError, ValueError):
        return None


def declared_by_file(image: Image.Image) -> tuple[float, float] | None:
    """Return the range that a file tells, of an image whose pixels Pillow has not decoded yet."""
    file = getattr(image, "fp", None)
    if image.format == "PNG" and file is not None and (bits := _significant_bits(file)):
        return 0, 2**bits - 1
    return declared_by_tags(tags_of(image))


def _significant_bits(file: Any) -> int | None:
    """Return the most significant bits of a PNG's channels, from its sBIT chunk."""
    was_at = file.tell()
    file.seek(8)
    try:
        while len(head := file.read(8)) == 8 and head[4:] not in (b"IDAT", b"IEND"):
            length = int.from_bytes(head[:4], "big")
            if head[4:] == b"sBIT":
                return max(file.read(length)[:3])
            file.seek(length + 4, 1)
        return None
    finally:
        file.seek(was_at)


def _rising(first: Any, second: Any) -> tuple[float, float] | None:
    low, high = float(first), float(second)
    return (low, high) if low < high < float("inf") else None


def _sample(values: np.ndarray, nodata: float | None) -> np.ndarray:
    """Return some of the values, spread over the image, in one row; of floats those that are numbers and not huge."""
    step = max(1, int((values.size / _SAMPLED) ** 0.5))
    some = values[::step, ::step].ravel()
    some = some if nodata is None else some[some != nodata]
    if some.dtype.kind == "f":
        some = some[np.isfinite(some)].astype(np.float64)
        some = some[np.abs(some) < _HUGE]
    return some


def _is_believable(declared: tuple[float, float], sample: np.ndarray, dtype: np.dtype) -> bool:
    low, high = declared
    if dtype.kind in "iu" and high - low >= np.iinfo(dtype).max:
        return False  # the whole range of the type says nothing
    return float(np.mean((sample >= low) & (sample <= high))) >= 0.99


def _full_range(dtype: np.dtype, high: float) -> tuple[int, float]:
    """Return the greatest value that there could be beside `high`, and the share of it that values have to fill."""
    if dtype.kind == "f":
        return (1 if high <= 1 else 255), _FILLS_16_BITS
    bits = max(8, int(max(high, 0)).bit_length())
    return (2**bits - 1, _FILLS_BITS) if bits <= 14 else (_FULL, _FILLS_16_BITS)


def _range_of_data(sample: np.ndarray, low: float, high: float) -> ValueRange:
    """Return the range from the least value to the greatest, without outliers far from all others."""
    least, most = float(sample.min()), float(sample.max())
    near = 0.25 * (high - low)
    low = least if low - least <= near or high == low else low
    high = most if most - high <= near or high == low else high
    if high == low:
        return ValueRange(min(0.0, low), max(high, 1.0), "all are one value")
    return ValueRange(low, high, "the range of nearly all values")
