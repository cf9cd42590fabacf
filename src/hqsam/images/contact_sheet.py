"""Contact sheets: many images on one page, with a caption under each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from hqsam.errors import InputError

_PAPER, _TEXT = (250, 250, 248), (40, 44, 52)
_CHECKS = (255, 255, 255), (228, 228, 228)
"""The checkerboard that shows through where an image is transparent."""


@dataclass(frozen=True, eq=False)
class Panel:
    """An image of a contact sheet, RGB or RGBA, and its caption."""

    image: UInt8[np.ndarray, "_ _ channels"]
    caption: str = ""


def contact_sheet(
    panels: Sequence[Panel], columns: int | None = None, panel_width: int = 420
) -> UInt8[np.ndarray, "height width 3"]:
    """Return a page of panels in rows, each image scaled to the same width.

    Args:
        panels: left to right, top to bottom.
        columns: panels in a row; by default as many as give the page the shape of a screen.
        panel_width: width of every image in pixels; tall images are narrower, so that none is higher than 1.25 times
            that.

    Raises:
        InputError: there are no panels.
    """
    if not panels:
        raise InputError("a contact sheet needs at least one panel; this one has none")
    columns = min(columns or math.ceil(math.sqrt(1.4 * len(panels))), len(panels))
    rows = [panels[start : start + columns] for start in range(0, len(panels), columns)]
    sizes = _Sizes(panel_width, columns)
    strips = [_row(row, sizes) for row in rows]
    space = np.full((sizes.gap, sizes.page_width, 3), _PAPER, dtype=np.uint8)
    return np.concatenate([space, *strips])


@dataclass(frozen=True)
class _Sizes:
    """Sizes of the parts of a page, in pixels."""

    panel_width: int
    columns: int

    @property
    def gap(self) -> int:
        return max(8, self.panel_width // 20)

    @property
    def text(self) -> int:
        return max(11, self.panel_width // 26)

    @property
    def page_width(self) -> int:
        return self.columns * (self.panel_width + self.gap) + self.gap

    def fitted(self, image: np.ndarray) -> tuple[int, int]:
        """Return the width and height of an image on the page."""
        height, width = image.shape[:2]
        scale = min(self.panel_width / width, 1.25 * self.panel_width / height)
        return max(1, round(width * scale)), max(1, round(height * scale))


def _row(panels: Sequence[Panel], sizes: _Sizes) -> np.ndarray:
    """Return a row of panels, as high as its highest image, with the captions below."""
    height = max(sizes.fitted(panel.image)[1] for panel in panels)
    strip = Image.new("RGB", (sizes.page_width, height + 2 * sizes.text + sizes.gap), _PAPER)
    for column, panel in enumerate(panels):
        left = sizes.gap + column * (sizes.panel_width + sizes.gap)
        image = _fit(panel.image, sizes.fitted(panel.image))
        strip.paste(image, (left + (sizes.panel_width - image.width) // 2, (height - image.height) // 2))
        _write(strip, panel.caption, left, height + sizes.gap // 3, sizes)
    return np.asarray(strip)


def _fit(pixels: np.ndarray, size_wh: tuple[int, int]) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(pixels)).resize(size_wh, Image.Resampling.LANCZOS)
    return Image.alpha_composite(_checks(size_wh), image).convert("RGB") if image.mode == "RGBA" else image


def _checks(size_wh: tuple[int, int], side: int = 10) -> Image.Image:
    x, y = np.ogrid[: size_wh[1], : size_wh[0]]
    dark = (x // side + y // side) % 2
    return Image.fromarray(np.array(_CHECKS, dtype=np.uint8)[dark]).convert("RGBA")


def _write(page: Image.Image, caption: str, left: int, top: int, sizes: _Sizes) -> None:
    font = ImageFont.load_default(sizes.text)
    pen = ImageDraw.Draw(page)
    while caption and pen.textlength(caption, font) > sizes.panel_width:
        caption = caption.rstrip("…")[:-1] + "…" if len(caption) > 1 else ""
    pen.text((left, top), caption, fill=_TEXT, font=font)
