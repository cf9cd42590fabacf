"""A label map for an image beyond memory, as a tiled TIFF that is painted band by band."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt32

from hqsam import optional, storage
from hqsam.masks.instances import Instances
from hqsam.masks.label_bands import label_bands

_SIDE = 512
"""The side of the file's tiles, in pixels."""


def write_label_map(path: Path, instances: Instances, tags: Sequence[tuple[Any, ...]] = ()) -> Path:
    """Write a map of 32 bits: 0 is no object, 1 the first, and so on; where objects overlap, the smaller is on top.

    Args:
        path: the file.
        instances: the objects.
        tags: further tags, as tifffile takes them, such as where on Earth the image lies.

    Raises:
        OutputError: it cannot be written; nothing half-written was left.
    """
    size_hw = instances.image_size_hw
    tifffile = optional.require("tifffile", extra="tiles")
    big = size_hw[0] * size_hw[1] * 4 > 1 << 31  # beyond what a plain TIFF can hold, if it were not compressed
    with storage.replacing(path) as temporary_path, tifffile.TiffWriter(temporary_path, bigtiff=big) as file:
        file.write(
            _tiles(instances),
            shape=size_hw,
            dtype=np.uint32,
            tile=(_SIDE, _SIDE),
            compression="zlib",
            photometric="minisblack",
            software="hqsam",
            metadata=None,
            extratags=tags,
        )
    return path


def _tiles(instances: Instances) -> Iterator[UInt32[np.ndarray, "side side"]]:
    """Yield whole tiles in reading order, also where the image ends within one."""
    width = instances.image_size_hw[1]
    for rows, band in label_bands(instances, _SIDE):
        padding = (0, _SIDE - (rows.stop - rows.start)), (0, -width % _SIDE)
        whole = np.pad(band, padding)
        for left in range(0, width, _SIDE):
            yield np.ascontiguousarray(whole[:, left : left + _SIDE])
