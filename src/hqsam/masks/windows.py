"""Windows: the rows and columns of a part of an image, and how tiles that overlap are laid over a length."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

Window = tuple[slice, slice]
"""Rows and columns: `image[window]` is that part of the image."""


def window_of_box(box_xyxy: Sequence[float] | np.ndarray) -> Window:
    """Return the rows and columns whose centres lie in a box."""
    x0, y0, x1, y1 = (max(0, math.ceil(edge - 0.5)) for edge in box_xyxy)
    return slice(y0, y1), slice(x0, x1)


def grow_window(window: Window, margin: int, size_hw: tuple[int, ...]) -> Window:
    """Return a window with a margin on each side, as far as the image has it."""
    rows, columns = (
        slice(max(0, side.start - margin), min(limit, side.stop + margin))
        for side, limit in zip(window, size_hw, strict=True)
    )
    return rows, columns


def tile_starts(length: int, side: int, overlap: float) -> Int[np.ndarray, "tile"]:
    """Return where tiles begin that cover a length evenly and share at least `overlap` of their side with the next."""
    if length <= side:
        return np.zeros(1, np.int64)
    count = math.ceil((length - side) / (side * (1 - overlap))) + 1
    return np.rint(np.linspace(0, length - side, count)).astype(np.int64)
