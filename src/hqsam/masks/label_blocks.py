"""Label images of stacks in pieces, so that one beyond memory can be written."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt32

from hqsam.masks.instances import Instances
from hqsam.masks.label_bands import label_bands


@dataclass(frozen=True, eq=False)
class LabelBlock:
    """Some rows of one plane of a label image."""

    t: int
    z: int
    rows: slice
    labels: UInt32[np.ndarray, "rows width"]
    """0 is no object, k the k-th."""


def plane_blocks(instances: Instances, t: int, z: int, rows_at_once: int) -> Iterator[LabelBlock]:
    """Yield the labels of one plane from top to bottom; of objects that overlap the smaller is on top."""
    for rows, band in label_bands(instances, rows_at_once):
        yield LabelBlock(t, z, rows, band)
