"""Soft edges: how much of each pixel belongs to a mask, from the logits that it was cut from."""

import cv2
import numpy as np
from jaxtyping import Bool, Float32

from hqsam.images.cutout import smooth_alpha, soft_alpha
from hqsam.images.row_chunks import row_chunks
from hqsam.masks.boxes import box_of_mask
from hqsam.masks.windows import grow_window, window_of_box
from hqsam.predict.multiscale_logits import MultiscaleLogits

_MARGIN = 4
"""Pixels around a mask within which its soft edge ends; `images.cutout` makes it at most 3 pixels wide."""


def add_soft_edge(
    alpha: Float32[np.ndarray, "height width"],
    mask: Bool[np.ndarray, "height width"],
    logits: MultiscaleLogits,
) -> None:
    """Raise `alpha`, 0 to 1, to what a mask covers of each pixel; only the mask's surroundings are computed.

    Where the mask was changed by hand, the logits know nothing of its edge; it is smoothed there instead.
    """
    rows, columns = grow_window(window_of_box(box_of_mask(mask)), _MARGIN, mask.shape)
    for chunk in row_chunks((rows.stop - rows.start, columns.stop - columns.start), _MARGIN):
        around = slice(rows.start + chunk.around.start, rows.start + chunk.around.stop)
        share = _soft_edge(mask[around, columns], logits.in_window(around, columns))[chunk.inner]
        under = alpha[rows, columns][chunk.rows]
        np.maximum(under, share, out=under)


def _soft_edge(mask: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Return the soft edge in a window of both."""
    share = soft_alpha(logits)
    changed = mask != (logits > 0)
    if changed.any():
        near = cv2.dilate(changed.astype(np.uint8), np.ones((2 * _MARGIN + 1, 2 * _MARGIN + 1), np.uint8)) > 0
        share = np.where(near, smooth_alpha(mask), share)
    return share
