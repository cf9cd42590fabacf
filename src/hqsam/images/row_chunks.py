"""Split an image into chunks of rows, for steps that need many bytes a pixel, so that large images fit in memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Shaped

PIXELS_AT_ONCE = 1 << 21
"""The pixels of a chunk. Painting takes up to a hundred bytes for each, so about 200 MB."""


@dataclass(frozen=True)
class RowChunk:
    """Rows of an image, and the rows around them that they are computed from."""

    rows: slice
    around: slice
    """The rows and the margin to either side, as far as the image has them."""

    @property
    def inner(self) -> slice:
        """Return the rows as counted within `around`."""
        return slice(self.rows.start - self.around.start, self.rows.stop - self.around.start)


def row_chunks(size_hw: tuple[int, int], margin: int = 0) -> Iterator[RowChunk]:
    """Yield chunks from top to bottom; together they hold every row once.

    Args:
        size_hw: height and width of the image.
        margin: rows to either side that a row is computed from.
    """
    height, width = size_hw
    at_once = max(1, PIXELS_AT_ONCE // max(1, width))
    for top in range(0, height, at_once):
        end = min(top + at_once, height)
        yield RowChunk(slice(top, end), slice(max(0, top - margin), min(end + margin, height)))


def map_row_chunks(
    make: Callable[[np.ndarray], np.ndarray], values: Shaped[np.ndarray, "height width"], margin: int
) -> Float32[np.ndarray, "height width"]:
    """Apply `make` chunk by chunk, for a function whose every pixel depends on rows at most `margin` away."""
    made = np.empty(values.shape, np.float32)
    for chunk in row_chunks((values.shape[0], values.shape[1]), margin):
        made[chunk.rows] = make(values[chunk.around])[chunk.inner]
    return made
