"""Label images as OME-TIFF, with the axes and distances of the stack that they are for."""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from hqsam import optional, storage
from hqsam.images.stacks.stack import StackLayout
from hqsam.masks.label_blocks import LabelBlock

ROWS_AT_ONCE = 512
"""The side of the file's tiles, in pixels; blocks have as many rows."""
_UNITS = {
    "micrometer": "µm",
    "nanometer": "nm",
    "millimeter": "mm",
    "centimeter": "cm",
    "meter": "m",
    "angstrom": "Å",
    "second": "s",
    "millisecond": "ms",
    "minute": "min",
    "hour": "h",
}
"""OME-XML's names of units; others are left out, with their distances."""
_NAMES = {"z": "PhysicalSizeZ", "y": "PhysicalSizeY", "x": "PhysicalSizeX", "t": "TimeIncrement"}


def write_ome_tiff_labels(path: Path, layout: StackLayout, axes: str, blocks: Iterable[LabelBlock]) -> Path:
    """Write a label image of 32 bits: 0 is no object, k the k-th.

    Args:
        path: the file.
        layout: the axes and distances of the stack.
        axes: those that the label image has, such as "zyx".
        blocks: the labels from the first plane to the last, each from top to bottom and without a gap, of
            `ROWS_AT_ONCE` rows.

    Raises:
        OutputError: it cannot be written; nothing half-written was left.
        MissingExtra: tifffile is not installed.
    """
    tifffile = optional.require("tifffile", extra="science")
    shape = tuple(layout.count(axis) for axis in axes)
    big = int(np.prod(shape, dtype=np.int64)) * 4 > 1 << 31
    with storage.replacing(path) as temporary_path, tifffile.TiffWriter(temporary_path, bigtiff=big, ome=True) as file:
        file.write(
            _tiles(blocks, layout.count("x")),
            shape=shape,
            dtype=np.uint32,
            tile=(ROWS_AT_ONCE, ROWS_AT_ONCE),
            compression="zlib",
            photometric="minisblack",
            software="hqsam",  # by which `images.walk` knows it for no image to work on
            metadata={"axes": axes.upper(), **_distances(layout, axes)},
        )
    return path


def _tiles(blocks: Iterable[LabelBlock], width: int) -> Iterator[np.ndarray]:
    """Yield whole tiles in reading order, also where the image ends within one."""
    for block in blocks:
        whole = np.pad(block.labels, ((0, ROWS_AT_ONCE - block.labels.shape[0]), (0, -width % ROWS_AT_ONCE)))
        for left in range(0, width, ROWS_AT_ONCE):
            yield np.ascontiguousarray(whole[:, left : left + ROWS_AT_ONCE])


def _distances(layout: StackLayout, axes: str) -> dict[str, Any]:
    known = (
        (axis, layout.steps[axis], _UNITS.get(layout.units.get(axis, ""))) for axis in axes if axis in layout.steps
    )
    pairs = (((_NAMES[axis], step), (f"{_NAMES[axis]}Unit", unit)) for axis, step, unit in known if unit)
    return dict(chain.from_iterable(pairs))
