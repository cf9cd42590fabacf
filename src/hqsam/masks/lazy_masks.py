"""Hundreds of masks of a large image, held as run lengths, each decoded when it is looked at."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hqsam.masks.rle import Rle, decode


class LazyMasks(Sequence[np.ndarray]):
    """A sequence of bool masks [H, W], decoded one by one; some of them are as lazy, `np.asarray` decodes all."""

    def __init__(self, rles: Sequence[Rle], size_hw: tuple[int, int]) -> None:
        self.rles = rles
        self.shape = (len(rles), *size_hw)
        """The shape [N, H, W] of the array that `np.asarray` makes."""

    def __len__(self) -> int:
        return len(self.rles)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, int | np.integer):
            return decode(self.rles[int(index)])
        return LazyMasks([self.rles[row] for row in np.arange(len(self))[index]], self.shape[1:])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        masks = np.empty(self.shape, bool if dtype is None else dtype)
        for row, mask in enumerate(self):
            masks[row] = mask
        return masks
