"""Measure how stable masks are, and their boxes, from the decoder's small logits.

The official generator measures masks of the image's size. Here most are refused by what their small logits say; the
others are measured in the model's pixels, four for each logit, and only where they are, which comes to the same within
what the last resize to the image's size changes. Where that could decide, they are counted in the image's pixels.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, Float32
from torch import Tensor

from hqsam.geometry import Frame, clip_boxes
from hqsam.masks.windows import Window

_UNSURE = 0.5
"""Stabilities in the model's and in the image's pixels differ by at most so much of the share of pixels at an edge.

Only pixels at the edges of the two cuts can be counted otherwise, and most of them even out: of 6,000 masks of random
logits, in images of six sizes, none differed by more than 0.25 of that share (0.017), and masks of photos by 0.02.
"""

_PIXELS_AT_ONCE = 1 << 20
"""Pixels of the image that are counted in one pass."""

_MOST_PIXELS = 1 << 24
"""Larger masks are not counted in the image's pixels, which would make no difference."""


class StableMask(NamedTuple):
    """One mask that is stable enough."""

    row: int
    """The number of the mask among those that were measured."""
    stability: float
    box_xyxy: Float[np.ndarray, "4"]
    """The box in the image's pixels, to a fraction of one."""
    window: Window
    """The rows and columns of the logits outside of which is no mask."""
    logits: Float32[np.ndarray, "rows columns"]
    """The logits in the window."""


def measure_stability(
    logits: Float[Tensor, "mask h w"], frame: Frame, offset: float, least_stability: float
) -> Iterator[StableMask]:
    """Yield the masks that are stable enough and not empty, in their order.

    Args:
        logits: of any number of masks, wherever they were computed.
        frame: how the image lies in the model's square.
        offset: stability is the IoU of the masks cut at this much above and below zero.
        least_stability: of those that are wanted.
    """
    times = frame.model_size // logits.shape[-1]
    rows, columns = (min(logits.shape[-1], math.ceil(side / times)) for side in frame.resized_hw)
    wide_cut, deep_cut = logits[:, :rows, :columns] > -offset, logits[:, :rows, :columns] > offset
    wide, deep = wide_cut.sum((1, 2)), deep_cut.sum((1, 2))
    hopeful = (wide > 0) & (deep >= wide * least_stability - _doubt(wide))
    in_rows, in_columns = wide_cut.any(2), wide_cut.any(1)
    for row in hopeful.nonzero()[:, 0].tolist():
        window = _with_margin(_span(in_rows[row]), rows), _with_margin(_span(in_columns[row]), columns)
        part = logits[row][window].float().cpu().numpy()
        measured = _measure_closely(part, window, frame, times, offset)
        if measured is None:
            continue
        stability, box, edge = measured
        if least_stability > 0 and abs(stability - least_stability) < _UNSURE * edge:
            stability = _stability_in_image(logits[row], window, frame, offset) or stability
        if stability >= least_stability:
            yield StableMask(row, stability, box, window, part)


def _doubt(cells: Tensor) -> Tensor:
    """Return by how many cells a count may be off: a share of a large mask's, and more of the edge of a small one."""
    return 0.02 * cells + 1.2 * cells.sqrt()


def _measure_closely(
    part: np.ndarray, window: Window, frame: Frame, times: int, offset: float
) -> tuple[float, np.ndarray, float] | None:
    """Return stability, box and the share of pixels at an edge, counted in the model's pixels; None if it is empty."""
    fine = cv2.resize(part, None, fx=times, fy=times, interpolation=cv2.INTER_LINEAR)
    top, left = times * window[0].start, times * window[1].start
    fine = fine[: max(0, frame.resized_hw[0] - top), : max(0, frame.resized_hw[1] - left)]
    inside, deep, wide = fine > 0, fine > offset, fine > -offset
    rows = np.flatnonzero(inside.any(axis=1))
    if not len(rows):
        return None
    columns = np.flatnonzero(inside[rows[0] : rows[-1] + 1].any(axis=0))
    box = np.array([left + columns[0], top + rows[0], left + columns[-1] + 1, top + rows[-1] + 1])
    count = np.count_nonzero(wide)
    edge = (_pixels_at_edge(deep) + _pixels_at_edge(wide)) / count
    return float(np.count_nonzero(deep) / count), frame.boxes_to_image(box), edge


def _pixels_at_edge(mask: np.ndarray) -> int:
    """Return how many pixels have another kind of pixel beside them or at a corner."""
    return cv2.countNonZero(cv2.morphologyEx(mask.view(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)))


def _stability_in_image(logits: Tensor, window: Window, frame: Frame, offset: float) -> float | None:
    """Count in the image's pixels, as the official generator does; None if there are too many or none."""
    cells = np.array([window[1].start, window[0].start, window[1].stop, window[0].stop])
    box = frame.boxes_to_image(cells * (frame.model_size // len(logits)))
    x0, y0, x1, y1 = clip_boxes(box, frame.image_size_hw).round().astype(int).tolist()
    if (x1 - x0) * (y1 - y0) > _MOST_PIXELS:
        return None
    whole, at_once = logits.float().cpu(), max(1, _PIXELS_AT_ONCE // max(1, x1 - x0))
    deep = wide = 0
    for top in range(y0, y1, at_once):
        part = frame.window_in_image(whole, slice(top, min(top + at_once, y1)), slice(x0, x1)).numpy()
        deep, wide = deep + np.count_nonzero(part > offset), wide + np.count_nonzero(part > -offset)
    return deep / wide if wide else None


def _span(hits: Tensor) -> slice:
    where = hits.nonzero()[:, 0]
    return slice(int(where[0]), int(where[-1]) + 1)


def _with_margin(span: slice, size: int) -> slice:
    """Return a span with one more logit on each side, which the edge is interpolated with."""
    return slice(max(0, span.start - 1), min(size + 1, span.stop + 1))
