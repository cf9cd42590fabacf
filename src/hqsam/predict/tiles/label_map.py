"""One number a pixel for a photo beyond memory, as a tiled TIFF that is painted band by band."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt32

from hqsam import optional, storage
from hqsam.formats.document import MaskedObject
from hqsam.masks.overlap import painting_order
from hqsam.masks.runs import crop_runs, runs_from_rle

_SIDE = 512
"""Of the file's tiles, in pixels."""


def write_label_map(path: Path, objects: Sequence[MaskedObject], size_hw: tuple[int, int]) -> Path:
    """0 is nobody's, 1 the first object's, and so on, in 32 bits; of objects that overlap, the smaller is on top.

    Raises:
        OutputError: it cannot be written; nothing half-written was left.
    """
    tifffile = optional.require("tifffile", extra="tiles")
    big = size_hw[0] * size_hw[1] * 4 > 1 << 31  # beyond what a plain TIFF can hold, if it were not compressed
    with storage.replacing(path) as temporary_path, tifffile.TiffWriter(temporary_path, bigtiff=big) as file:
        file.write(
            _tiles(objects, size_hw),
            shape=size_hw,
            dtype=np.uint32,
            tile=(_SIDE, _SIDE),
            compression="zlib",
            photometric="minisblack",
            software="hqsam",
            metadata=None,
        )
    return path


def _tiles(objects: Sequence[MaskedObject], size_hw: tuple[int, int]) -> Iterator[UInt32[np.ndarray, "side side"]]:
    """Whole tiles in reading order, also where the photo ends within one."""
    height, width = size_hw
    boxes = np.array([one.box_xyxy for one in objects]).reshape(-1, 4)
    order = painting_order([one.area for one in objects], "small_on_top")
    for top in range(0, height, _SIDE):
        rows = slice(top, min(top + _SIDE, height))
        band = np.zeros((_SIDE, width + -width % _SIDE), np.uint32)
        for number in order:
            x0, y0, x1, y1 = boxes[number].tolist()
            if y0 < rows.stop and y1 > rows.start:
                mask = crop_runs(runs_from_rle(objects[number].runs), height, (rows, slice(x0, x1)))
                band[: len(mask), x0:x1][mask] = number + 1
        for left in range(0, width, _SIDE):
            yield np.ascontiguousarray(band[:, left : left + _SIDE])
