"""Masks as CVAT has them, and back: run lengths along the rows of the mask's box, then the box."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool

from hqsam.errors import DataError
from hqsam.masks.row_runs import row_runs
from hqsam.masks.runs import runs_from_rle


def encode_mask(rle: Any) -> list[int]:
    """Return a mask as the `points` of a CVAT shape, the same numbers as `cvat_sdk.masks.encode_mask` makes.

    Args:
        rle: COCO's run lengths, as in `Instances.rle`; they are converted without making the mask.

    Returns:
        Lengths of runs, background first, and then left, top, right and bottom, in pixels; right and bottom are in the
        mask. A mask without pixels is one of background at 0, 0.
    """
    height, _ = (int(side) for side in rle["size"])
    runs = runs_from_rle(rle)
    x0, y0, x1, y1 = runs.box_xyxy(height).tolist() if runs.area else (0, 0, 1, 1)
    along = row_runs(runs, height, (slice(y0, y1), slice(x0, x1)))
    edges = np.stack([along.starts, along.ends], axis=1).ravel()
    lengths = np.diff(edges, prepend=0, append=(y1 - y0) * (x1 - x0))
    if len(lengths) > 1 and lengths[-1] == 0:
        lengths = lengths[:-1]
    return [*lengths.tolist(), x0, y0, x1 - 1, y1 - 1]


def crop_of(points: Sequence[float]) -> tuple[Bool[np.ndarray, "height width"], tuple[int, int, int, int]]:
    """Return the part of a mask in its box, and the box: left, top, right and bottom, of which the last two are inside.

    Raises:
        DataError: the numbers are no mask of CVAT.
    """
    numbers = np.asarray(points, np.float64)
    if numbers.ndim != 1 or len(numbers) < 5 or (numbers != np.rint(numbers)).any() or (numbers < 0).any():
        raise DataError("a mask of CVAT is a list of whole numbers: lengths of runs, and left, top, right and bottom")
    *lengths, left, top, right, bottom = numbers.astype(np.int64).tolist()
    high, wide = bottom - top + 1, right - left + 1
    if high < 1 or wide < 1 or sum(lengths) != high * wide:
        raise DataError(f"the runs of a mask of CVAT have {sum(lengths)} pixels, and its box is {wide} x {high}")
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(high, wide), (left, top, right, bottom)
