"""Join masks of neighbouring slices to objects: those of which each is the other's best match."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float
from pycocotools import mask as coco_mask

from hqsam.errors import OptionError
from hqsam.masks.groups import mutual_matches
from hqsam.masks.rle import Rle

LEAST_OVERLAP = 0.3
"""IoU of two masks of neighbouring slices from which they may be one object."""
MAX_GAP = 1
"""Slices on which an object may be missing."""


@dataclass
class SliceJoiner:
    """Gives each mask the number of its object, slice after slice; holds the last masks of objects alone.

    Raises:
        OptionError: the overlap is not above 0 and at most 1, or the gap is below 0.
    """

    least_overlap: float = LEAST_OVERLAP
    max_gap: int = MAX_GAP
    count: int = 0
    """The number of objects so far."""
    _open: list[tuple[int, int, Rle]] = field(default_factory=list)
    """Objects that may go on: the slice that each was last seen on, its number, and its mask there."""
    _slice: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.least_overlap <= 1:
            raise OptionError(f"an overlap of {self.least_overlap}; give an IoU above 0, up to 1, such as 0.3")
        if self.max_gap < 0:
            raise OptionError(f"a gap of {self.max_gap} slices; give 0 or more")

    def push(self, masks: Sequence[Rle]) -> list[int]:
        """Take the masks of the next slice, which do not overlap, and return the number of each one's object, from 0.

        Masks find their match on the slice before; what is left, on those before that, as far as gaps go.
        """
        numbers: dict[int, int] = {}
        for back in range(1, self.max_gap + 2):
            rest = [row for row in range(len(masks)) if row not in numbers]
            taken = set(numbers.values())
            there = [one for one in self._open if one[0] == self._slice - back and one[1] not in taken]
            overlaps = ious([masks[row] for row in rest], [mask for _, _, mask in there])
            for row, column in mutual_matches(overlaps, self.least_overlap):
                numbers[rest[row]] = there[column][1]
        for row in range(len(masks)):
            if row not in numbers:
                numbers[row] = self.count
                self.count += 1
        seen = set(numbers.values())
        kept = [one for one in self._open if one[0] >= self._slice - self.max_gap and one[1] not in seen]
        self._open = kept + [(self._slice, numbers[row], mask) for row, mask in enumerate(masks)]
        self._slice += 1
        return [numbers[row] for row in range(len(masks))]


def ious(masks: Sequence[Rle], others: Sequence[Rle]) -> Float[np.ndarray, "mask other"]:
    """Return the IoU of each mask with each other one; 0 where both are empty."""
    if not masks or not others:
        return np.zeros((len(masks), len(others)))
    packed: list[Any] = [[{**one, "counts": one["counts"].encode()} for one in some] for some in (masks, others)]
    found = coco_mask.iou(packed[0], packed[1], [0] * len(others))
    return np.nan_to_num(np.asarray(found, np.float64))
