"""Trace the exact outlines of a mask, along the edges of its pixels.

Only corners are looked at. Along each line of the grid the corners come in pairs, and each pair is one edge
of the outline; so sorting the corners by rows and by columns gives every edge, with no walk over the pixels.
"""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Int

# Around a grid point lie four pixels: quadrant 0 up-left, 1 down-left, 2 up-right, 3 down-right; bit q of a
# code says that quadrant q is in the mask. Quadrant = 2 * right + down.
_UP_LEFT_AND_DOWN_RIGHT, _DOWN_LEFT_AND_UP_RIGHT = 0b1001, 0b0110


def _quadrants_enclosed(code: int) -> int:
    """Return the quadrants that a corner's two edges enclose: the odd one out, or two at a touching point."""
    match code.bit_count():
        case 1:
            return code
        case 3:
            return 15 - code
        case 2 if code in (_UP_LEFT_AND_DOWN_RIGHT, _DOWN_LEFT_AND_UP_RIGHT):
            return code
        case _:
            return 0


_ENCLOSED = np.array([_quadrants_enclosed(code) for code in range(16)], dtype=np.uint8)


class Outline(NamedTuple):
    """One closed line around a part of a mask, or around a hole in it."""

    corners: Int[np.ndarray, "corner 2"]
    """Corners x, y; the first is not repeated. The mask is on the right hand: clockwise on the screen around a part."""
    part: int
    """The number of the part; pixels that share an edge are one part. Its outer line comes before its holes."""


class _Corners(NamedTuple):
    x: np.ndarray
    y: np.ndarray
    right: np.ndarray
    """The way that the horizontal edge goes from here, 0 or 1."""
    down: np.ndarray
    convex: np.ndarray
    part: np.ndarray


def trace(mask: Bool[np.ndarray, "height width"]) -> list[Outline]:
    """Return all outlines of a mask, each a simple line that never touches itself.

    Parts that touch only at a corner are two parts; a hole that touches the outside, or another hole, at a
    corner is a hole of its own.
    """
    corners = _corners(np.pad(mask, 1))
    outlines = []
    for ring in _rings(_successors(corners)):
        points = np.stack([corners.x[ring], corners.y[ring]], axis=1)
        outlines.append(Outline(points, int(corners.part[ring[0]])))
    return outlines


def _corners(padded: np.ndarray) -> _Corners:
    """Return every corner, by row, then column; a grid point where two outlines meet is two corners."""
    _, parts = cv2.connectedComponents(padded.astype(np.uint8), connectivity=4)
    pixels = padded.view(np.uint8)
    code = pixels[:-1, :-1] | pixels[1:, :-1] << 1 | pixels[:-1, 1:] << 2 | pixels[1:, 1:] << 3
    y, x = np.nonzero(_ENCLOSED[code])
    code = code[y, x]
    point, quadrant = np.nonzero((_enclosed(code, parts, y, x)[:, None] >> np.arange(4)) & 1)
    y, x, code = y[point], x[point], code[point]
    right, down, convex = quadrant >> 1, quadrant & 1, (code >> quadrant) & 1 == 1
    part = parts[y + down, x + np.where(convex, right, 1 - right)]
    return _Corners(x, y, right, down, convex, part)


def _enclosed(code: np.ndarray, parts: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the quadrants that corners enclose; touching pixels belong to two parts, or part two holes."""
    enclosed = _ENCLOSED[code]
    up_left, down_right, down_left, up_right = parts[y, x], parts[y + 1, x + 1], parts[y + 1, x], parts[y, x + 1]
    falling = (code == _UP_LEFT_AND_DOWN_RIGHT) & (up_left == down_right)
    rising = (code == _DOWN_LEFT_AND_UP_RIGHT) & (down_left == up_right)
    return np.where(falling | rising, 15 - enclosed, enclosed)


def _successors(corners: _Corners) -> list[int]:
    """Return for each corner the next one, with the mask on the right hand."""
    index = np.arange(len(corners.x))
    along_the_row = index ^ 1
    by_column = np.lexsort((corners.down, corners.y, corners.x))
    along_the_column = np.empty_like(index)
    along_the_column[by_column] = by_column.reshape(-1, 2)[:, ::-1].reshape(-1)
    leaves_along_the_row = (corners.right == corners.down) == corners.convex
    return np.where(leaves_along_the_row, along_the_row, along_the_column).tolist()


def _rings(successors: list[int]) -> list[list[int]]:
    """Follow the corners until each line closes; a part's topmost corner is on its outer line, which so comes first."""
    seen = bytearray(len(successors))
    rings = []
    for start in range(len(successors)):
        ring = []
        corner = start
        while not seen[corner]:
            seen[corner] = 1
            ring.append(corner)
            corner = successors[corner]
        if ring:
            rings.append(ring)
    return rings
