"""A mask whose edge is as smooth as the logits it was cut from, for cutouts."""

import math

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from hqsam.geometry import Frame

_WIDTH = 1.5
"""How many pixels the edge takes from clear to opaque: of the image's or of the model's, whichever are larger."""


def soft_edge(logits: Float[Tensor, "h w"], frame: Frame) -> UInt8[np.ndarray, "height width"]:
    """How opaque each pixel of the image is: 128 and more where the mask is, with a ramp across its edge.

    Logit over slope is how far away the edge is, so the ramp is equally wide everywhere. (A sigmoid of the logits
    alone would leave an object half transparent wherever the model is unsure of its inside.)
    """
    resized = frame.masks_to_resized(logits[None])
    scale = float(frame.scale_xy.max())
    # Slope per model pixel times _WIDTH is the rise across the ramp; a smaller image has smaller model pixels.
    rise = _slope(resized) * (_WIDTH * max(1.0, scale))
    alpha = np.empty(frame.image_size_hw, np.uint8)
    for rows, (values, rises) in frame.bands(torch.cat([resized, rise])):
        opaque = 0.5 + values / rises.clamp(min=1e-6)
        # Above and below the middle by the sign alone, so that alpha says exactly where the mask is.
        levels = (opaque * 255).clamp(0, 255).round()
        alpha[rows] = torch.where(values > 0, levels.clamp(min=128), levels.clamp(max=127)).byte().numpy()
    return alpha


def with_changes(
    alpha: UInt8[np.ndarray, "height width"],
    before: Bool[np.ndarray, "height width"],
    after: Bool[np.ndarray, "height width"],
    frame: Frame,
) -> UInt8[np.ndarray, "height width"]:
    """The soft edge of a mask that was changed since: hard there, and so near to it that the old ramp would show."""
    reach = math.ceil(_WIDTH / min(1.0, float(frame.scale_xy.min())))
    near = cv2.dilate((before != after).astype(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    return np.where(near > 0, np.where(after, np.uint8(255), np.uint8(0)), alpha)


def _slope(maps: Float[Tensor, "map h w"]) -> Float[Tensor, "map h w"]:
    """Length of the gradient, by central differences."""
    padded = F.pad(maps[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    across = (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) / 2
    down = (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) / 2
    return torch.hypot(across, down)
