"""Run lengths of masks straight from logits: only the part where the mask can be is scaled to the image's size.

A hover requests a mask many times a second, and most of an image of twelve megapixels is not in it.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float32

from hqsam.geometry import Frame
from hqsam.masks.runs import Runs, runs_from_parts
from hqsam.masks.windows import Window
from hqsam.predict.multiscale_logits import MultiscaleLogits

_MARGIN = 2
"""Logits around those above zero that an interpolated pixel above zero can lie beside: one for each of two steps."""


def runs_of_logits(multiscale: MultiscaleLogits) -> Runs:
    """Return the runs of the mask, exactly those of the mask at full size."""
    height, width = multiscale.frame.image_size_hw
    windows = [_support(multiscale.logits, multiscale.frame), *(patch.window for patch in multiscale.patches)]
    rows, columns = _around([window for window in windows if window is not None], (height, width))
    if rows.stop <= rows.start or columns.stop <= columns.start:
        return runs_from_parts([], height)
    inside = multiscale.in_window(rows, columns) > 0
    return runs_from_parts([(inside, rows.start, columns.start)], height)


def downscaled(multiscale: MultiscaleLogits, longest_side: int) -> MultiscaleLogits:
    """Return the logits of the image scaled down, without the patches of detail, which would not be visible."""
    height, width = multiscale.frame.image_size_hw
    scale = min(1.0, longest_side / max(height, width))
    size_hw = max(1, round(height * scale)), max(1, round(width * scale))
    return MultiscaleLogits(replace(multiscale.frame, image_size_hw=size_hw), multiscale.logits)


def _support(logits: Float32[np.ndarray, "h w"], frame: Frame) -> Window | None:
    """Return the rows and columns of the image outside of which no pixel can be above zero."""
    inside = logits > 0
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if len(rows) == 0:
        return None
    cell = frame.model_size / len(logits)
    scale_x, scale_y = frame.scale_xy.tolist()
    return (
        _stretch(int(rows[0]), int(rows[-1]) + 1, cell / scale_y),
        _stretch(int(columns[0]), int(columns[-1]) + 1, cell / scale_x),
    )


def _stretch(start: int, stop: int, pixels: float) -> slice:
    return slice(max(0, int((start - _MARGIN) * pixels)), int((stop + _MARGIN) * pixels) + 1)


def _around(windows: list[Window], size_hw: tuple[int, int]) -> Window:
    """Return the window around all windows, cut off at the image."""
    if not windows:
        return slice(0, 0), slice(0, 0)
    rows, columns = (
        slice(min(one[axis].start for one in windows), min(side, max(one[axis].stop for one in windows)))
        for axis, side in enumerate(size_hw)
    )
    return rows, columns
