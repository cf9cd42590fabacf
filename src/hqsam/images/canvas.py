"""Paint over a picture: a colour, and how much of it each pixel gets."""

import numpy as np
from jaxtyping import Float, UInt8

from hqsam.images.palette import Rgb


class Canvas:
    """A picture being painted, or some of its rows. Nothing is rounded before the end."""

    def __init__(self, image: UInt8[np.ndarray, "height width 3"], top: int = 0) -> None:
        """`top` is the first row's number in the whole picture, in whose pixels all places are."""
        self._colours = image.astype(np.float32)
        self._top = top

    @property
    def rows(self) -> slice:
        """Those of the whole picture that are painted here."""
        return slice(self._top, self._top + len(self._colours))

    def paint(self, colour: Rgb, share: Float[np.ndarray, "rows columns"], top: int = 0, left: int = 0) -> None:
        """Mix `colour` in, by 0 to 1 for each pixel, at a place that may reach beyond the picture."""
        top -= self._top
        height, width = self._colours.shape[:2]
        rows, columns = _inside(top, share.shape[0], height), _inside(left, share.shape[1], width)
        share = share[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left, None]
        under = self._colours[rows, columns]
        under += (np.array(colour, dtype=np.float32) - under) * share

    def image(self) -> UInt8[np.ndarray, "height width 3"]:
        """What it looks like now."""
        return np.clip(np.rint(self._colours), 0, 255).astype(np.uint8)


def _inside(start: int, length: int, limit: int) -> slice:
    first = min(max(start, 0), limit)
    return slice(first, min(max(start + length, first), limit))
