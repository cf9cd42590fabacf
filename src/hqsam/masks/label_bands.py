"""A label map of an image beyond memory, painted a band of rows at a time."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import UInt32

from hqsam.masks.instances import Instances
from hqsam.masks.overlap import painting_order
from hqsam.masks.runs import crop_runs, runs_from_rle


def label_bands(instances: Instances, rows_at_once: int) -> Iterator[tuple[slice, UInt32[np.ndarray, "rows width"]]]:
    """Yield rows of a map from top to bottom: 0 is no object, k the k-th; where objects overlap, the smaller is on top.

    Args:
        instances: the objects.
        rows_at_once: rows of each band; the last may have fewer.
    """
    height, width = instances.image_size_hw
    order = painting_order(instances.areas.tolist(), "small_on_top")
    for top in range(0, height, rows_at_once):
        rows = slice(top, min(top + rows_at_once, height))
        band = np.zeros((rows.stop - rows.start, width), np.uint32)
        for number in order:
            x0, y0, x1, y1 = instances.boxes[number].tolist()
            if y0 < rows.stop and y1 > rows.start:
                mask = crop_runs(runs_from_rle(instances.rle[number]), height, (rows, slice(x0, x1)))
                band[:, x0:x1][mask] = number + 1
        yield rows, band
