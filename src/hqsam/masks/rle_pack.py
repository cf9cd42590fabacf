"""Label Studio's run lengths of brush masks: thi.ng's rle-pack of the flattened RGBA image, as a list of bytes.

    32 bits  number of values: 4 for each pixel
    5 bits   bits of a value - 1
    4 x 4    bits of a run's length - 1, in its four sizes
    runs     1 bit (1: a value repeated, 0: values one by one), 2 bits (which size), the length - 1, the values

Bits are written without gaps, the highest first. All four values of a pixel are 255 inside the mask and 0 outside,
so the runs are those along the mask's rows, four times as long.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, UInt8

from hqsam.errors import DataError
from hqsam.masks.row_runs import row_runs
from hqsam.masks.runs import Runs

_CHANNELS, _VALUE_BITS = 4, 8
_LENGTH_BITS = np.array([3, 4, 8, 16])
_LONGEST = 1 << 16
_INSIDE = 255


def pack(runs: Runs, size_hw: tuple[int, int]) -> list[int]:
    """Return the mask as Label Studio's `rle`: bytes as whole numbers.

    Args:
        runs: the mask's, down the columns.
        size_hw: height and width of the image.
    """
    height, width = size_hw
    along = row_runs(runs, height, (slice(0, height), slice(0, width)))
    edges = np.stack([along.starts, along.ends], axis=1).ravel()
    lengths = np.diff(edges, prepend=0, append=height * width) * _CHANNELS
    values = np.arange(len(lengths)) % 2 * _INSIDE
    lengths, values = _split(lengths[lengths > 0], values[lengths > 0])
    size = np.searchsorted(1 << _LENGTH_BITS, lengths)
    length_bits = _LENGTH_BITS[size]
    codes = ((4 | size) << length_bits | (lengths - 1)) << _VALUE_BITS | values
    header = [(height * width * _CHANNELS, 32), (_VALUE_BITS - 1, 5), *((bits - 1, 4) for bits in _LENGTH_BITS)]
    numbers, bits = np.array(header, np.int64).T
    all_bits = np.concatenate([bits, 3 + length_bits + _VALUE_BITS])
    return _in_bytes(np.concatenate([numbers, codes]), all_bits).tolist()


def unpack(packed: Sequence[int], size_hw: tuple[int, int]) -> Bool[np.ndarray, "height width"]:
    """Return the mask of Label Studio's `rle`, also as other programs write it: the pixels whose alpha is not 0.

    Raises:
        DataError: it is damaged, or of another size.
    """
    height, width = size_hw
    try:
        values = _values(_Bits(np.array(packed, np.uint8)), height * width * _CHANNELS)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"these are no run lengths of Label Studio for an image of {width} x {height}: {error}"
        ) from error
    return values.reshape(height, width, _CHANNELS)[..., -1] > 0


def _split(lengths: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut the runs that are longer than the format has numbers for."""
    parts = -(-lengths // _LONGEST)
    cut = np.full(int(parts.sum()), _LONGEST, np.int64)
    cut[np.cumsum(parts) - 1] = lengths - (parts - 1) * _LONGEST
    return cut, np.repeat(values, parts)


def _in_bytes(numbers: np.ndarray, bits: np.ndarray) -> UInt8[np.ndarray, "_"]:
    """Write numbers one behind the other, each with its own count of bits, of which there are at most 32."""
    start = np.cumsum(bits) - bits
    packed = np.zeros((int(bits.sum()) + 7) // 8 + 4, np.uint8)
    placed = numbers << (40 - bits - start % 8)  # in the five bytes from the one in which it begins
    for byte in range(5):
        np.bitwise_or.at(packed, start // 8 + byte, (placed >> (32 - 8 * byte) & 255).astype(np.uint8))
    return packed[:-4]


class _Bits:
    """Reads numbers from packed bits, in order."""

    def __init__(self, packed: UInt8[np.ndarray, "_"]) -> None:
        self._text = (np.unpackbits(packed) + ord("0")).tobytes()
        self._place = 0

    def read(self, bits: int) -> int:
        """Return the next number; a ValueError if too few bits are left."""
        self._place += bits
        if self._place > len(self._text):
            raise ValueError("they end too early")
        return int(self._text[self._place - bits : self._place], 2)


def _values(bits: _Bits, count: int) -> UInt8[np.ndarray, "_"]:
    if (found := bits.read(32)) != count:
        raise ValueError(f"they are of {found} values, not {count}")
    value_bits = bits.read(5) + 1
    length_bits = [bits.read(4) + 1 for _ in range(4)]
    values = np.zeros(count, np.uint8)
    place = 0
    while place < count:
        repeated = bits.read(1)
        end = place + bits.read(length_bits[bits.read(2)]) + 1
        if end > count:
            raise ValueError("their runs are longer than the image")
        values[place:end] = bits.read(value_bits) if repeated else [bits.read(value_bits) for _ in range(end - place)]
        place = end
    return values
