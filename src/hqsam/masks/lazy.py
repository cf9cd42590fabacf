"""Hundreds of masks of a large photo, held as run lengths, each made when it is looked at."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hqsam.masks.rle import Rle, decode


class LazyMasks(Sequence[np.ndarray]):
    """Bool masks [H, W] by number. A slice is as lazy as the whole; `np.asarray` makes all of them at once."""

    def __init__(self, rles: Sequence[Rle]) -> None:
        self.rles = rles

    def __len__(self) -> int:
        return len(self.rles)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return LazyMasks(self.rles[index])
        return decode(self.rles[index])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        masks = np.stack(list(self)) if len(self) else np.zeros((0, 0, 0), bool)
        return masks if dtype is None else masks.astype(dtype)
