"""Draw masks over their image: a veil of colour, and a contour thin enough to show the image's own edge."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from hqsam.images.canvas import Canvas
from hqsam.images.draw_prompts import DrawnPrompts, draw_prompts
from hqsam.images.palette import INK, Rgb, colour_of
from hqsam.images.row_chunks import row_chunks
from hqsam.masks.boxes import box_of_mask


def overlay(
    image: UInt8[np.ndarray, "height width 3"],
    masks: Bool[np.ndarray, "mask height width"] | Sequence[Bool[np.ndarray, "height width"]],
    prompts: DrawnPrompts | None = None,
    colours: Sequence[Rgb] | None = None,
    opacity: float = 0.42,
) -> UInt8[np.ndarray, "height width 3"]:
    """Return the image with every mask drawn on it, small ones over large ones, and the prompts if they are given.

    Args:
        image: uint8 RGB.
        masks: bool, of the image's size; each gets a colour of its own.
        prompts: boxes and clicks to draw; box i gets the colour of mask i.
        colours: one for each mask, instead of the palette's.
        opacity: opacity of the veil, 0 to 1. The contour is always opaque.
    """
    size_hw = image.shape[0], image.shape[1]
    colours = colours or [colour_of(index) for index in range(len(masks))]
    line = line_width(size_hw)
    shapes = [_Shape.of(mask, colours[index], line) for index, mask in enumerate(masks)]
    shapes = sorted(filter(None, shapes), key=lambda shape: -shape.area)
    drawn = np.empty(image.shape, np.uint8)
    for chunk in row_chunks(size_hw):
        canvas = Canvas(image[chunk.rows], chunk.rows.start)
        for shape in shapes:
            _draw_shape(canvas, shape, opacity, line)
        draw_prompts(canvas, prompts or DrawnPrompts(), colours, line)
        drawn[chunk.rows] = canvas.image()
    return drawn


def line_width(size_hw: tuple[int, int]) -> float:
    """Return the line width in pixels: it grows with the image, so that all images look alike at one size."""
    return max(1.5, math.hypot(*size_hw) / 400)


@dataclass(frozen=True, eq=False)
class _Shape:
    """The window around a mask, as one bit a pixel until it is drawn."""

    bits: UInt8[np.ndarray, "rows bytes"]
    width: int
    top: int
    left: int
    area: int
    colour: Rgb

    @classmethod
    def of(cls, mask: Bool[np.ndarray, "height width"], colour: Rgb, line: float) -> "_Shape | None":
        """Return the window in which something is drawn for a mask; None for an empty mask."""
        if not mask.any():
            return None
        margin = math.ceil(2 * line) + 3
        x0, y0, x1, y1 = box_of_mask(mask).tolist()
        top, left = max(y0 - margin, 0), max(x0 - margin, 0)
        window = mask[top : y1 + margin, left : x1 + margin]
        return cls(np.packbits(window, axis=1), window.shape[1], top, left, int(np.count_nonzero(window)), colour)

    def rows(self, some: slice) -> Bool[np.ndarray, "rows columns"]:
        """Return some rows of the window, counted from its top, as bool."""
        return np.unpackbits(self.bits[some], axis=1, count=self.width).view(bool)


def _draw_shape(canvas: Canvas, shape: _Shape, opacity: float, line: float) -> None:
    first, last = max(shape.top, canvas.rows.start), min(shape.top + len(shape.bits), canvas.rows.stop)
    if first >= last:
        return
    inside_by, top, left, colour = _inside_by(shape, first, last, line), first, shape.left, shape.colour
    canvas.paint(colour, opacity * np.clip(inside_by + 0.5, 0, 1), top, left)
    canvas.paint(INK, 0.5 * np.clip(0.9 * line + 0.5 - np.abs(inside_by + 0.1 * line), 0, 1), top, left)
    canvas.paint(colour, np.clip(0.5 * line + 0.5 - np.abs(inside_by), 0, 1), top, left)


def _inside_by(shape: _Shape, first: int, last: int, line: float) -> Float[np.ndarray, "rows columns"]:
    """Return the distance of pixels of some rows inside the edge, exact as far as the lines reach, else just large.

    Lines end within `line` and half a pixel. Distances up to that, and those that they are smoothed with (3 rows to
    either side, and all that differ from them by less than a smoothing window's diagonal), are within the margin.
    """
    margin = math.ceil(line) + 14
    start, stop = max(first - margin, shape.top), last + margin
    around = shape.rows(slice(start - shape.top, stop - shape.top))
    return _distance_inside(around)[first - start : last - start]


def _distance_inside(mask: np.ndarray) -> Float[np.ndarray, "rows columns"]:
    """Return how many pixels each pixel's centre is inside the mask's edge, negative outside; stairs are smoothed."""
    inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    outside = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    signed = np.where(mask, inside - 0.5, 0.5 - outside)
    return cv2.GaussianBlur(np.clip(signed, -100, 100), (0, 0), 0.8, borderType=cv2.BORDER_REPLICATE)
