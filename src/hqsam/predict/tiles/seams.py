"""Which objects of neighbouring tiles are one: those that say the same of the pixels that both tiles saw."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from hqsam.masks.cutting import cut, union
from hqsam.masks.rle import Rle, area
from hqsam.masks.runs import Runs, runs_of, runs_of_parts
from hqsam.predict.tiles.grid import Tile, TileGrid

_LEAST_AGREEMENT = 0.5
"""IoU where two tiles overlap, from which two objects are one."""


@dataclass(frozen=True, eq=False)
class Part:
    """What one tile found of an object, in the tile's own pixels."""

    tile: Tile
    rle: Rle
    score: float

    @property
    def runs(self) -> Runs:
        """Made anew each time."""
        return runs_of(self.rle)

    @cached_property
    def area(self) -> int:
        """In pixels."""
        return area(self.rle)


def join(parts: Sequence[Part], grid: TileGrid) -> list[list[Part]]:
    """The parts of each object, in the order in which the first of each was found.

    Of a seam, each part joins the one on the other side that it agrees with best, if that holds for both.
    """
    by_tile: dict[Tile, list[int]] = {}
    for number, part in enumerate(parts):
        by_tile.setdefault(part.tile, []).append(number)
    leaders = list(range(len(parts)))
    for tile in grid.tiles:
        for other in grid.neighbours(tile):
            for one, another in _pairs(by_tile.get(tile, []), by_tile.get(other, []), parts, grid):
                first, second = sorted((_leader(leaders, one), _leader(leaders, another)))
                leaders[second] = first
    groups: dict[int, list[Part]] = {}
    for number, part in enumerate(parts):
        groups.setdefault(_leader(leaders, number), []).append(part)
    return list(groups.values())


def whole(parts: Sequence[Part], grid: TileGrid) -> Runs:
    """The object's runs in the photo; where several tiles saw it, the tile decides in which it is further inside."""
    tiles = {part.tile for part in parts}
    return union([_in_photo(part, tiles, grid) for part in parts])


def _in_photo(part: Part, tiles: set[Tile], grid: TileGrid) -> Runs:
    rows, columns = window = grid.share(part.tile, tiles)
    mask = cut(part.runs, grid.tile_size_hw(part.tile)[0], grid.in_tile(window, part.tile))
    return runs_of_parts([(mask, rows.start, columns.start)], grid.size_hw[0])


def _pairs(ones: list[int], others: list[int], parts: Sequence[Part], grid: TileGrid) -> list[tuple[int, int]]:
    """Which objects on either side of a seam are each other's best match, and good enough."""
    if not ones or not others:
        return []
    shared = grid.shared(parts[ones[0]].tile, parts[others[0]].tile)
    agreement = _iou(*(np.stack([_seen(parts[number], shared, grid) for number in side]) for side in (ones, others)))
    best = agreement.argmax(axis=1)
    return [
        (ones[row], others[column])
        for row, column in enumerate(best)
        if agreement[row, column] >= _LEAST_AGREEMENT and agreement[:, column].argmax() == row
    ]


def _seen(part: Part, shared: tuple[slice, slice], grid: TileGrid) -> Bool[np.ndarray, "pixel"]:
    return cut(part.runs, grid.tile_size_hw(part.tile)[0], grid.in_tile(shared, part.tile)).ravel()


def _iou(
    ones: Bool[np.ndarray, "one pixel"], others: Bool[np.ndarray, "other pixel"]
) -> Float[np.ndarray, "one other"]:
    """0 where neither has a pixel."""
    both = ones.astype(np.float32) @ others.astype(np.float32).T
    either = ones.sum(axis=1)[:, None] + others.sum(axis=1)[None] - both
    return np.divide(both, either, out=np.zeros_like(both), where=either > 0)


def _leader(leaders: list[int], number: int) -> int:
    while leaders[number] != number:
        leaders[number] = leaders[leaders[number]]
        number = leaders[number]
    return number
