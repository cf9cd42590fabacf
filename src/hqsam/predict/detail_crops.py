"""Choose the crops for detail: every mask's edge is seen closer, in few crops."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from hqsam.geometry import clip_boxes
from hqsam.masks.windows import Window, tile_starts

MARGIN = 0.3
"""The margin around an object, to each side, as a share of its longer side. Measured: see docs/detail.md."""

_NEIGHBOURS_MARGIN = 0.2
"""The margin around objects that share a crop that was made for another."""

_CLOSEST = 4
"""A crop is magnified at most so far beyond the image's own pixels, where there is nothing more to see."""

_ROOMIER = 2
"""A crop may be so much longer than its first object needs, to take in neighbours."""

_COARSER = 2.5
"""An object goes along in a crop if one of its own would see it at most so much closer."""

_WORTHWHILE = 1.4
"""A crop has to be so much closer than the whole image."""

_OVERLAP = 0.25
"""The share of a tile's side that it shares with the next, at least."""

_SHIFTS = np.array([(0, 0), (-1, -1), (1, -1), (-1, 1), (1, 1)])
"""The places of the first object in a roomier crop: in the middle, or towards a corner."""


@dataclass(frozen=True)
class DetailCrop:
    """A part of the image, and the masks that it is encoded for."""

    x0: int
    y0: int
    x1: int
    y1: int
    rows: tuple[int, ...]
    shows: Literal["objects", "edges"] = "objects"
    """Whole objects, or only parts of their edges."""

    @property
    def window(self) -> Window:
        """The rows and columns of the image in this crop."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    @property
    def size_hw(self) -> tuple[int, int]:
        """The height and width of the crop."""
        return self.y1 - self.y0, self.x1 - self.x0


def crops_around_objects(
    boxes: Float[np.ndarray, "object 4"], size_hw: tuple[int, int], model_size: int
) -> list[DetailCrop]:
    """Return crops in which objects are seen whole and closer than in the image; those that gain nothing are in none.

    The largest objects first: each gets a square of its own, into which neighbours come that it shows well enough.
    Empty boxes are passed over.
    """
    own_sides = np.maximum(_longer_sides(boxes) * (1 + 2 * MARGIN), model_size / _CLOSEST)
    worthwhile = (own_sides * _WORTHWHILE <= max(size_hw)) & (_longer_sides(boxes) > 0)
    rest = np.flatnonzero(worthwhile)
    rest = rest[np.argsort(-own_sides[rest], kind="stable")]
    crops = []
    while len(rest):
        crop = _crop_around(rest, boxes, own_sides, size_hw)
        crops.append(crop)
        rest = rest[~np.isin(rest, crop.rows)]
    return crops


def tiles_along_edges(
    edges: dict[int, Float[np.ndarray, "place 2"]], size_hw: tuple[int, int], side: int
) -> list[DetailCrop]:
    """Return overlapping squares that cover the image where an edge passes through; each knows whose edge it is.

    `edges` has, by object, places x, y on its outline, closer together than the squares are wide.
    """
    rows: dict[tuple[int, int], list[int]] = {}
    rows_at, columns_at = (tile_starts(length, side, _OVERLAP) for length in size_hw)
    for number, places in edges.items():
        across, down = _tile_of(places[:, 0], columns_at, side), _tile_of(places[:, 1], rows_at, side)
        for tile in sorted(set(zip(down.tolist(), across.tolist(), strict=True))):
            rows.setdefault(tile, []).append(number)
    return [
        replace(
            _square(np.array([columns_at[across], rows_at[down]]), side, size_hw, tuple(rows[down, across])),
            shows="edges",
        )
        for down, across in sorted(rows)
    ]


def _tile_of(places: np.ndarray, starts: np.ndarray, side: int) -> np.ndarray:
    """Return, of the tiles that hold a place, the one in which it is furthest from the rim."""
    halfway = (starts[1:] + starts[:-1] + side) / 2
    return np.searchsorted(halfway, places)


def _crop_around(
    candidates: np.ndarray, boxes: np.ndarray, own_sides: np.ndarray, size_hw: tuple[int, int]
) -> DetailCrop:
    """Return a square for the first candidate; if neighbours fit, the place at which most do."""
    first, side = candidates[0], float(own_sides[candidates[0]])
    room, margin = min(side * _ROOMIER, max(size_hw) / _WORTHWHILE), _longer_sides(boxes) * _NEIGHBOURS_MARGIN
    neighbours = candidates[own_sides[candidates] * _COARSER >= room]
    needed = np.concatenate([boxes[:, :2] - margin[:, None], boxes[:, 2:] + margin[:, None]], axis=1)
    needed = clip_boxes(needed[neighbours], size_hw)
    centre = (boxes[first, :2] + boxes[first, 2:]) / 2
    best = _square(centre - side / 2, side, size_hw, (int(first),))
    for shift in _SHIFTS * (room - side) / 2:
        square = _square(centre + shift - room / 2, room, size_hw)
        inside = _inside(needed, square)
        if inside.sum() > len(best.rows) and inside[neighbours == first].all():
            best = replace(square, rows=tuple(int(row) for row in neighbours[inside]))
    return best


def _square(corner_xy: np.ndarray, side: float, size_hw: tuple[int, int], rows: tuple[int, ...] = ()) -> DetailCrop:
    """Return a square moved into the image; where the image is narrower than that, as wide as the image."""
    (height, width), (x0, y0) = size_hw, corner_xy.tolist()
    across, down = min(width, round(side)), min(height, round(side))
    left, top = min(max(0, round(x0)), width - across), min(max(0, round(y0)), height - down)
    return DetailCrop(left, top, left + across, top + down, rows)


def _inside(boxes: np.ndarray, crop: DetailCrop) -> Bool[np.ndarray, "box"]:
    begins, ends = boxes[:, :2] >= (crop.x0, crop.y0), boxes[:, 2:] <= (crop.x1, crop.y1)
    return np.all(np.concatenate([begins, ends], axis=1), axis=1)


def _longer_sides(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)
