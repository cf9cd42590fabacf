"""Masks over their photo: a veil of colour and a crisp contour, thin enough to see the photo's own edge."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from hqsam.masks.boxes import box_of_mask
from hqsam.pictures.canvas import Canvas
from hqsam.pictures.marks import Marks, draw_marks
from hqsam.pictures.palette import INK, Rgb, colour_of


def overlay(
    image: UInt8[np.ndarray, "height width 3"],
    masks: Bool[np.ndarray, "mask height width"] | Sequence[Bool[np.ndarray, "height width"]],
    marks: Marks | None = None,
    colours: Sequence[Rgb] | None = None,
    opacity: float = 0.42,
) -> UInt8[np.ndarray, "height width 3"]:
    """The photo with every mask on it, small ones on top of large ones, and the prompts if they are given.

    Args:
        image: the photo.
        masks: each gets a colour of its own.
        marks: boxes and clicks to draw; box i gets the colour of mask i.
        colours: one for each mask, instead of the palette's.
        opacity: of the veil, 0 to 1. The contour is always opaque.
    """
    canvas = Canvas(image)
    colours = colours or [colour_of(index) for index in range(len(masks))]
    line = line_width(canvas.size_hw)
    for index in sorted(range(len(masks)), key=lambda index: -np.count_nonzero(masks[index])):
        _draw_mask(canvas, masks[index], colours[index], opacity, line)
    draw_marks(canvas, marks or Marks(), colours, line)
    return canvas.picture()


def line_width(size_hw: tuple[int, int]) -> float:
    """Lines grow with the photo, so that they look the same when it is shown at one size."""
    return max(1.5, math.hypot(*size_hw) / 400)


def _draw_mask(canvas: Canvas, mask: np.ndarray, colour: Rgb, opacity: float, line: float) -> None:
    if not mask.any():
        return
    margin = math.ceil(2 * line) + 3
    top, left, around = _surroundings(mask, margin)
    inside_by = _distance_inside(around)
    canvas.paint(colour, opacity * np.clip(inside_by + 0.5, 0, 1), top, left)
    canvas.paint(INK, 0.5 * np.clip(0.9 * line + 0.5 - np.abs(inside_by + 0.1 * line), 0, 1), top, left)
    canvas.paint(colour, np.clip(0.5 * line + 0.5 - np.abs(inside_by), 0, 1), top, left)


def _surroundings(mask: np.ndarray, margin: int) -> tuple[int, int, np.ndarray]:
    """Top, left and content of the window around a mask; beyond the image, its border goes on."""
    x0, y0, x1, y1 = box_of_mask(mask).tolist()
    top, left = max(y0 - margin, 0), max(x0 - margin, 0)
    return top, left, mask[top : y1 + margin, left : x1 + margin]


def _distance_inside(mask: np.ndarray) -> Float[np.ndarray, "rows columns"]:
    """How many pixels each pixel's centre is inside the mask's edge, negative outside; stairs are smoothed."""
    inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    outside = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    signed = np.where(mask, inside - 0.5, 0.5 - outside)
    return cv2.GaussianBlur(np.clip(signed, -100, 100), (0, 0), 0.8, borderType=cv2.BORDER_REPLICATE)
