"""Draw prompts: boxes as lines, clicks as discs with a plus or a minus."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Num

from hqsam.images.canvas import Canvas
from hqsam.images.palette import INK, NEGATIVE, POSITIVE, WHITE, Rgb


@dataclass(frozen=True, eq=False)
class DrawnPrompts:
    """Prompts to draw over an image, in the image's pixels."""

    boxes: Num[np.ndarray, "box 4"] = field(default_factory=lambda: np.zeros((0, 4)))
    points: Num[np.ndarray, "point 2"] = field(default_factory=lambda: np.zeros((0, 2)))
    labels: Num[np.ndarray, "point"] = field(default_factory=lambda: np.zeros(0))
    """1 for a click on the object, 0 for one beside it; points with any other label are not drawn."""


def draw_prompts(canvas: Canvas, prompts: DrawnPrompts, colours: Sequence[Rgb], line: float) -> None:
    """Draw boxes in their objects' colours, then clicks; `line` is the line width in pixels."""
    for index, box in enumerate(prompts.boxes.tolist()):
        draw_box(canvas, box, colours[index % len(colours)] if colours else WHITE, line)
    for (x, y), label in zip(prompts.points.tolist(), prompts.labels.tolist(), strict=True):
        if label in (0, 1):
            draw_click(canvas, x, y, "+" if label == 1 else "-", radius=3.2 * line + 1.5)


def draw_box(canvas: Canvas, box_xyxy: Sequence[float], colour: Rgb, line: float) -> None:
    """Draw a line along the edges of a box, with a dark rim that keeps it readable on any image."""
    for top, left, rows, columns in _windows_along(box_xyxy, margin=math.ceil(line) + 2):
        top, rows = _seen(canvas, top, rows)
        distance = _distance_to_box(box_xyxy, top, left, rows, columns)
        canvas.paint(INK, 0.45 * _cover(line / 2 + max(1, line / 3) - distance), top, left)
        canvas.paint(colour, _cover(line / 2 - distance), top, left)


def draw_click(canvas: Canvas, x: float, y: float, sign: str, radius: float) -> None:
    """Draw a disc with a white rim and a white `sign`, "+" or "-", at pixel (x, y)."""
    rim = max(1.0, radius / 5)
    reach = math.ceil(radius + 3 * rim) + 1
    top, left = round(y) - reach, round(x) - reach
    if _seen(canvas, top, 2 * reach + 1)[1] == 0:
        return
    down, right = np.ogrid[: 2 * reach + 1, : 2 * reach + 1]
    down, right = np.abs(down + top - y), np.abs(right + left - x)
    distance = np.hypot(down, right)
    canvas.paint(INK, 0.35 * _cover((radius + 2.5 * rim - distance) / (1.5 * rim)), top, left)
    canvas.paint(WHITE, _cover(radius + rim - distance), top, left)
    canvas.paint(POSITIVE if sign == "+" else NEGATIVE, _cover(radius - distance), top, left)
    bar = np.minimum(_cover(0.58 * radius - right), _cover(0.16 * radius - down))
    post = np.minimum(_cover(0.58 * radius - down), _cover(0.16 * radius - right))
    canvas.paint(WHITE, np.maximum(bar, post) if sign == "+" else bar, top, left)


def _seen(canvas: Canvas, top: int, rows: int) -> tuple[int, int]:
    """Return the rows of a window that the canvas holds: the first, and how many."""
    first = max(top, canvas.rows.start)
    return first, max(0, min(top + rows, canvas.rows.stop) - first)


def _cover(inside_by: np.ndarray) -> Float[np.ndarray, "rows columns"]:
    """Return the share of each pixel that a shape covers, from the distance of the pixel's centre inside its edge."""
    return np.clip(inside_by + 0.5, 0, 1).astype(np.float32)


def _distance_to_box(box_xyxy: Sequence[float], top: int, left: int, rows: int, columns: int) -> np.ndarray:
    x0, y0, x1, y1 = box_xyxy
    x, y = np.arange(left, left + columns) + 0.5, np.arange(top, top + rows) + 0.5
    beyond_x = np.abs(x - (x0 + x1) / 2) - (x1 - x0) / 2
    beyond_y = np.abs(y - (y0 + y1) / 2) - (y1 - y0) / 2
    return np.abs(np.maximum(beyond_x[None, :], beyond_y[:, None]))


def _windows_along(box_xyxy: Sequence[float], margin: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield top, left, height and width of windows that hold the edges of a box and do not overlap."""
    x0, y0, x1, y1 = (round(edge) for edge in box_xyxy)
    if min(x1 - x0, y1 - y0) <= 2 * margin:
        yield y0 - margin, x0 - margin, y1 - y0 + 2 * margin, x1 - x0 + 2 * margin
        return
    for y in (y0, y1):
        yield y - margin, x0 - margin, 2 * margin, x1 - x0 + 2 * margin
    for x in (x0, x1):
        yield y0 + margin, x - margin, y1 - y0 - 2 * margin, 2 * margin
