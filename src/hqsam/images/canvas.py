"""Paint colours over an image, each pixel by its own opacity."""

import numpy as np
from jaxtyping import Float, UInt8

from hqsam.images.palette import Rgb


class Canvas:
    """An image that is being painted, or some rows of it; colours are float until the end."""

    def __init__(self, image: UInt8[np.ndarray, "height width 3"], top: int = 0) -> None:
        """Start from `image`, whose first row is row `top` of the whole image; all positions are those of the whole."""
        self._colours = image.astype(np.float32)
        self._top = top

    @property
    def rows(self) -> slice:
        """Return the rows of the whole image that this canvas holds."""
        return slice(self._top, self._top + len(self._colours))

    def paint(self, colour: Rgb, share: Float[np.ndarray, "rows columns"], top: int = 0, left: int = 0) -> None:
        """Mix `colour` in by `share`, 0 to 1 for each pixel, placed at (top, left); parts outside are cut off."""
        top -= self._top
        height, width = self._colours.shape[:2]
        rows, columns = _inside(top, share.shape[0], height), _inside(left, share.shape[1], width)
        share = share[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left, None]
        under = self._colours[rows, columns]
        under += (np.array(colour, dtype=np.float32) - under) * share

    def image(self) -> UInt8[np.ndarray, "height width 3"]:
        """Return the painted image as uint8 RGB."""
        return np.clip(np.rint(self._colours), 0, 255).astype(np.uint8)


def _inside(start: int, length: int, limit: int) -> slice:
    first = min(max(start, 0), limit)
    return slice(first, min(max(start + length, first), limit))
