"""Join objects across seams: those of neighbouring tiles that agree about the pixels that both tiles saw."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from hqsam.masks.groups import Groups, mutual_matches
from hqsam.masks.rle import Rle, area
from hqsam.masks.runs import Runs, crop_runs, runs_from_parts, runs_from_rle, union
from hqsam.masks.windows import Window
from hqsam.predict.tiles.tile_grid import Tile, TileGrid

_LEAST_AGREEMENT = 0.4
"""IoU where two tiles overlap, from which two objects are one."""


@dataclass(frozen=True, eq=False)
class Part:
    """A part of an object that one tile found, in the tile's own pixels."""

    tile: Tile
    rle: Rle
    score: float
    label: str = ""
    """The class, where the object was found by words."""
    prompt_score: float | None = None
    """The detector's score, where it was found by words."""

    @property
    def runs(self) -> Runs:
        """Runs of the mask, decoded at each call."""
        return runs_from_rle(self.rle)

    @cached_property
    def area(self) -> int:
        """Number of pixels of the mask."""
        return area(self.rle)


def join(parts: Sequence[Part], grid: TileGrid) -> list[list[Part]]:
    """Return the parts of each object, in the order in which the first of each was found.

    Of a seam, each part joins the one on the other side that it agrees with best, if that holds for both. What a tile
    cut off and a neighbour would have seen whole, but did not find, is left out.
    """
    by_tile: dict[Tile, list[int]] = {}
    for number, part in enumerate(parts):
        by_tile.setdefault(part.tile, []).append(number)
    groups = Groups(len(parts))
    for tile in grid.tiles:
        for other in grid.neighbours(tile):
            for one, another in _pairs(by_tile.get(tile, []), by_tile.get(other, []), parts, grid):
                groups.join(one, another)
    found = [[parts[number] for number in group] for group in groups.all()]
    return [group for group in found if len(group) > 1 or not _is_scrap(group[0], grid)]


def whole(parts: Sequence[Part], grid: TileGrid) -> Runs:
    """Return an object's runs in the image; of several tiles the one decides in which it is further inside."""
    tiles = {part.tile for part in parts}
    return union([_in_image(part, tiles, grid) for part in parts])


def _is_scrap(part: Part, grid: TileGrid) -> bool:
    """Return True for a part that its tile cuts off, and that a neighbour would see better but knows nothing of."""
    size_hw = grid.tile_size_hw(part.tile)
    rows, columns = grid.window(part.tile)
    x0, y0, x1, y1 = part.runs.box_xyxy(size_hw[0]).tolist()
    box = columns.start + x0, rows.start + y0, columns.start + x1, rows.start + y1
    return _is_cut(box, (rows, columns), grid) and any(
        _holds(grid.window(other), box) and not _is_cut(box, grid.window(other), grid)
        for other in grid.around(part.tile)
    )


def _is_cut(box: tuple[int, int, int, int], window: Window, grid: TileGrid) -> bool:
    """Return True if a box in the image reaches a rim of a tile beyond which the image goes on."""
    (rows, columns), (height, width), (x0, y0, x1, y1) = window, grid.size_hw, box
    across = (x0 <= columns.start > 0) or (x1 >= columns.stop < width)
    return across or (y0 <= rows.start > 0) or (y1 >= rows.stop < height)


def _holds(window: Window, box: tuple[int, int, int, int]) -> bool:
    (rows, columns), (x0, y0, x1, y1) = window, box
    return columns.start <= x0 and x1 <= columns.stop and rows.start <= y0 and y1 <= rows.stop


def _in_image(part: Part, tiles: set[Tile], grid: TileGrid) -> Runs:
    rows, columns = window = grid.share(part.tile, tiles)
    mask = crop_runs(part.runs, grid.tile_size_hw(part.tile)[0], grid.in_tile(window, part.tile))
    return runs_from_parts([(mask, rows.start, columns.start)], grid.size_hw[0])


def _pairs(ones: list[int], others: list[int], parts: Sequence[Part], grid: TileGrid) -> list[tuple[int, int]]:
    """Return the objects on either side of a seam that are each other's best match, and good enough."""
    if not ones or not others:
        return []
    shared = grid.shared(parts[ones[0]].tile, parts[others[0]].tile)
    agreement = _iou(*(np.stack([_seen(parts[number], shared, grid) for number in side]) for side in (ones, others)))
    return [(ones[row], others[column]) for row, column in mutual_matches(agreement, _LEAST_AGREEMENT)]


def _seen(part: Part, shared: tuple[slice, slice], grid: TileGrid) -> Bool[np.ndarray, "pixel"]:
    return crop_runs(part.runs, grid.tile_size_hw(part.tile)[0], grid.in_tile(shared, part.tile)).ravel()


def _iou(
    ones: Bool[np.ndarray, "one pixel"], others: Bool[np.ndarray, "other pixel"]
) -> Float[np.ndarray, "one other"]:
    """Return the IoU of each with each other; 0 where neither has a pixel."""
    both = ones.astype(np.float32) @ others.astype(np.float32).T
    either = ones.sum(axis=1)[:, None] + others.sum(axis=1)[None] - both
    return np.divide(both, either, out=np.zeros_like(both), where=either > 0)
