"""The tiles of a large image, which overlap, and the places where two of them meet."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from hqsam.errors import OptionError
from hqsam.masks.windows import Window, tile_starts

Tile = tuple[int, int]
"""A tile by its number down and its number across, from 0."""


@dataclass(frozen=True)
class TileGrid:
    """Tiles of one size, evenly over the image, in reading order.

    Raises:
        OptionError: tiles that are too small, or overlap by too much or too little.
    """

    size_hw: tuple[int, int]
    side: int
    overlap: float
    """The share of a tile's side that it shares with the next, at least."""

    def __post_init__(self) -> None:
        if self.side < 64:
            raise OptionError(f"tiles of {self.side} pixels are too small to know anything in; give 64 or more")
        if not 0.05 <= self.overlap <= 0.5:
            raise OptionError(f"an overlap of {self.overlap} of a tile; give 0.05 to 0.5, so that seams can be joined")

    @cached_property
    def tiles(self) -> list[Tile]:
        """All tiles."""
        return list(product(range(len(self._tops)), range(len(self._lefts))))

    @cached_property
    def _tops(self) -> list[int]:
        return tile_starts(self.size_hw[0], self.side, self.overlap).tolist()

    @cached_property
    def _lefts(self) -> list[int]:
        return tile_starts(self.size_hw[1], self.side, self.overlap).tolist()

    def window(self, tile: Tile) -> Window:
        """Return a tile's rows and columns in the image."""
        (height, width), top, left = self.size_hw, self._tops[tile[0]], self._lefts[tile[1]]
        return slice(top, min(top + self.side, height)), slice(left, min(left + self.side, width))

    def tile_size_hw(self, tile: Tile) -> tuple[int, int]:
        """Return a tile's height and width; an image may be narrower than a tile."""
        rows, columns = self.window(tile)
        return rows.stop - rows.start, columns.stop - columns.start

    def around(self, tile: Tile) -> Iterator[Tile]:
        """Yield the tiles beside a tile and at its corners."""
        down, across = tile
        for step_down, step_across in product((-1, 0, 1), repeat=2):
            other = down + step_down, across + step_across
            if other != tile and 0 <= other[0] < len(self._tops) and 0 <= other[1] < len(self._lefts):
                yield other

    def neighbours(self, tile: Tile) -> Iterator[Tile]:
        """Yield the later ones of the tiles around a tile, so that each pair of tiles that meet comes once."""
        return (other for other in self.around(tile) if other > tile)

    def shared(self, tile: Tile, other: Tile) -> Window:
        """Return the rows and columns of the image that are in both tiles."""
        rows, columns = zip(self.window(tile), self.window(other), strict=True)
        return _overlap(*rows), _overlap(*columns)

    def in_tile(self, window: Window, tile: Tile) -> Window:
        """Return rows and columns of the image as counted from the tile's corner."""
        rows, columns = window
        top, left = self._tops[tile[0]], self._lefts[tile[1]]
        return slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)

    def share(self, tile: Tile, others: set[Tile]) -> Window:
        """Return the rows and columns of a tile that are its own if these other tiles know the same object.

        Between two neighbours the middle of what they share divides it: there each is as far from its rim as the other.
        """
        down, across = tile
        rows, columns = self.window(tile)
        top = _middle(self._tops, down, self.side) if (down - 1, across) in others else rows.start
        bottom = _middle(self._tops, down + 1, self.side) if (down + 1, across) in others else rows.stop
        left = _middle(self._lefts, across, self.side) if (down, across - 1) in others else columns.start
        right = _middle(self._lefts, across + 1, self.side) if (down, across + 1) in others else columns.stop
        return slice(top, bottom), slice(left, right)


def _overlap(one: slice, other: slice) -> slice:
    return slice(max(one.start, other.start), min(one.stop, other.stop))


def _middle(starts: list[int], second: int, side: int) -> int:
    """Return the middle of what a tile shares with the one before."""
    return (starts[second] + starts[second - 1] + side) // 2
