"""Many pictures on one page, with a line of words under each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from hqsam.errors import InputError

_PAPER, _TEXT = (250, 250, 248), (40, 44, 52)
_CHECKS = (255, 255, 255), (228, 228, 228)
"""What shows through where a cutout is transparent."""


@dataclass(frozen=True, eq=False)
class Tile:
    """One picture, RGB or RGBA, and what to say about it."""

    picture: UInt8[np.ndarray, "_ _ channels"]
    caption: str = ""


def contact_sheet(
    tiles: Sequence[Tile], columns: int | None = None, tile_width: int = 420
) -> UInt8[np.ndarray, "height width 3"]:
    """The tiles in rows, each picture fitted into the same width; large photos are shrunk, small ones grow.

    Args:
        tiles: left to right, top to bottom.
        columns: how many side by side; by default as many as make the page about as wide as a screen is.
        tile_width: of every picture, in pixels. A tall picture is made narrower, so that it is at most a
            quarter higher than that.

    Raises:
        InputError: there are no tiles.
    """
    if not tiles:
        raise InputError("a contact sheet needs at least one tile; this one has none")
    columns = min(columns or math.ceil(math.sqrt(1.4 * len(tiles))), len(tiles))
    rows = [tiles[start : start + columns] for start in range(0, len(tiles), columns)]
    sizes = _Sizes(tile_width, columns)
    strips = [_row(row, sizes) for row in rows]
    space = np.full((sizes.gap, sizes.page_width, 3), _PAPER, dtype=np.uint8)
    return np.concatenate([space, *strips])


@dataclass(frozen=True)
class _Sizes:
    """In pixels."""

    tile_width: int
    columns: int

    @property
    def gap(self) -> int:
        return max(8, self.tile_width // 20)

    @property
    def text(self) -> int:
        return max(11, self.tile_width // 26)

    @property
    def page_width(self) -> int:
        return self.columns * (self.tile_width + self.gap) + self.gap

    def fitted(self, picture: np.ndarray) -> tuple[int, int]:
        """Width and height of a picture on the page."""
        height, width = picture.shape[:2]
        scale = min(self.tile_width / width, 1.25 * self.tile_width / height)
        return max(1, round(width * scale)), max(1, round(height * scale))


def _row(tiles: Sequence[Tile], sizes: _Sizes) -> np.ndarray:
    """As high as its highest picture, with the captions below."""
    height = max(sizes.fitted(tile.picture)[1] for tile in tiles)
    strip = Image.new("RGB", (sizes.page_width, height + 2 * sizes.text + sizes.gap), _PAPER)
    for column, tile in enumerate(tiles):
        left = sizes.gap + column * (sizes.tile_width + sizes.gap)
        picture = _fit(tile.picture, sizes.fitted(tile.picture))
        strip.paste(picture, (left + (sizes.tile_width - picture.width) // 2, (height - picture.height) // 2))
        _write(strip, tile.caption, left, height + sizes.gap // 3, sizes)
    return np.asarray(strip)


def _fit(picture: np.ndarray, size_wh: tuple[int, int]) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(picture)).resize(size_wh, Image.Resampling.LANCZOS)
    return Image.alpha_composite(_checks(size_wh), image).convert("RGB") if image.mode == "RGBA" else image


def _checks(size_wh: tuple[int, int], side: int = 10) -> Image.Image:
    x, y = np.ogrid[: size_wh[1], : size_wh[0]]
    dark = (x // side + y // side) % 2
    return Image.fromarray(np.array(_CHECKS, dtype=np.uint8)[dark]).convert("RGBA")


def _write(page: Image.Image, caption: str, left: int, top: int, sizes: _Sizes) -> None:
    font = ImageFont.load_default(sizes.text)
    pen = ImageDraw.Draw(page)
    while caption and pen.textlength(caption, font) > sizes.tile_width:
        caption = caption.rstrip("…")[:-1] + "…" if len(caption) > 1 else ""
    pen.text((left, top), caption, fill=_TEXT, font=font)
