"""Cutouts: an object without its background, in RGBA, with an edge that blends into any other image."""

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from hqsam.images.row_chunks import map_row_chunks, row_chunks
from hqsam.masks.boxes import box_of_mask
from hqsam.masks.windows import window_of_box

_REACH = 3
"""Pixels to either side of the edge that may be partly transparent."""
_BLUR_REACH = 8
"""Reach of OpenCV's blur with a sigma of 2, in pixels."""


def cutout(
    image: UInt8[np.ndarray, "height width 3"],
    alpha: Float[np.ndarray, "height width"] | Bool[np.ndarray, "height width"],
) -> UInt8[np.ndarray, "height width 4"]:
    """Return the image as RGBA, without the background's colour in the edge.

    Invisible pixels are black, which makes the file smaller and keeps the background out of it.

    Args:
        image: uint8 RGB.
        alpha: how much of each pixel belongs to the object, 0 to 1, from `soft_alpha`; or a bool mask, whose edge is
            then smoothed.
    """
    share = smooth_alpha(alpha) if alpha.dtype == bool else alpha
    size_hw = share.shape[0], share.shape[1]
    pixels = np.zeros((*size_hw, 4), np.uint8)
    for chunk in row_chunks(size_hw):
        pixels[chunk.rows, :, 3] = np.rint(np.clip(share[chunk.rows], 0, 1) * 255)
    opaque = pixels[..., 3]
    if opaque.any():
        window = window_of_box(box_of_mask(opaque > 0))
        _fill_in(pixels[window], image[window])
    return pixels


def soft_alpha(logits: Float[np.ndarray, "height width"], softness: float = 1.6) -> Float32[np.ndarray, "height width"]:
    """Return how much of each pixel belongs to the object, 0 to 1, from logits of the image's size.

    A logit divided by its slope is the distance to the edge in pixels; a steep sigmoid of that goes from 0 to 1 over
    about `softness` pixels, just where the logits cross 0. Pixels of the mask get more than a half, and those more than
    3 pixels from the edge exactly 0 or 1, however unsure the logits are.
    """
    return map_row_chunks(lambda part: _soft_alpha(part, softness), logits, _REACH)


def smooth_alpha(mask: Bool[np.ndarray, "height width"]) -> Float32[np.ndarray, "height width"]:
    """Return a mask with a smoothed edge, 0 to 1, for masks without logits; over a half inside the mask."""
    return map_row_chunks(_smooth_alpha, mask, _REACH)


def _soft_alpha(logits: np.ndarray, softness: float) -> np.ndarray:
    mask = logits > 0
    slope = np.hypot(_derivative(logits, 1, 0), _derivative(logits, 0, 1))
    inside_by = logits / np.maximum(slope, 1e-6)
    alpha = 1 / (1 + np.exp(np.clip(-4 / softness * inside_by, -60, 60)))
    return _hard_but_near_the_edge(alpha, mask)


def _smooth_alpha(mask: np.ndarray) -> np.ndarray:
    blurred = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.6, borderType=cv2.BORDER_REPLICATE)
    return _hard_but_near_the_edge(blurred, mask)


def _hard_but_near_the_edge(alpha: np.ndarray, mask: np.ndarray) -> np.ndarray:
    kernel = np.ones((2 * _REACH + 1, 2 * _REACH + 1), np.uint8)
    near = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_GRADIENT, kernel) > 0
    sided = np.where(mask, np.maximum(alpha, 128 / 255), np.minimum(alpha, 127 / 255))
    return np.where(near, sided, mask).astype(np.float32)


def _derivative(logits: np.ndarray, along_x: int, along_y: int) -> np.ndarray:
    """Return the change per pixel, from a 3 x 3 neighbourhood."""
    return cv2.Scharr(logits.astype(np.float32), cv2.CV_32F, along_x, along_y, scale=1 / 32)


def _fill_in(pixels: np.ndarray, image: np.ndarray) -> None:
    """Set the colours of pixels whose alpha is set already."""
    for chunk in row_chunks((pixels.shape[0], pixels.shape[1]), margin=_BLUR_REACH + 1):
        colours = _without_background(image[chunk.around], pixels[chunk.around, :, 3])
        pixels[chunk.rows, :, :3] = colours[chunk.inner]


def _without_background(image: np.ndarray, opaque: np.ndarray) -> np.ndarray:
    """Return colours in which pixels that are partly background have the colour of the object next to them.

    That colour is a blurred mean of the pixels that belong to the object alone.
    """
    solid = cv2.erode((opaque > 252).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.float32)
    near, amount = _blur(image * solid[..., None]), _blur(solid)
    own = near / np.maximum(amount, 1e-6)[..., None]
    partly = np.clip((255 - opaque.astype(np.float32)) / 85, 0, 1)
    colours = image + (own - image) * (partly * np.clip(amount * 1000, 0, 1))[..., None]
    colours[opaque == 0] = 0
    return np.clip(np.rint(colours), 0, 255).astype(np.uint8)


def _blur(values: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(values, (0, 0), 2.0, borderType=cv2.BORDER_CONSTANT)
