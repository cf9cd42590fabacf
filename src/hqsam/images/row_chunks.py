"""A picture in bands of rows: what takes many bytes a pixel is made for one band, and never for a whole large photo."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Shaped

PIXELS_AT_ONCE = 1 << 21
"""A photo of fewer is one band. Painting takes up to a hundred bytes for each, so about 200 MB."""


@dataclass(frozen=True)
class RowChunk:
    """Some rows, and those around them that they are computed from."""

    rows: slice
    around: slice
    """The rows and as many to either side as the margin, where there are any."""

    @property
    def inner(self) -> slice:
        """The rows, counted within `around`."""
        return slice(self.rows.start - self.around.start, self.rows.stop - self.around.start)


def row_chunks(size_hw: tuple[int, int], margin: int = 0) -> Iterator[RowChunk]:
    """From top to bottom; together their rows are all rows, each once."""
    height, width = size_hw
    at_once = max(1, PIXELS_AT_ONCE // max(1, width))
    for top in range(0, height, at_once):
        end = min(top + at_once, height)
        yield RowChunk(slice(top, end), slice(max(0, top - margin), min(end + margin, height)))


def map_row_chunks(
    make: Callable[[np.ndarray], np.ndarray], values: Shaped[np.ndarray, "height width"], margin: int
) -> Float32[np.ndarray, "height width"]:
    """What `make` makes of `values`, if each pixel of it depends on those up to `margin` rows away alone."""
    made = np.empty(values.shape, np.float32)
    for chunk in row_chunks((values.shape[0], values.shape[1]), margin):
        made[chunk.rows] = make(values[chunk.around])[chunk.inner]
    return made
