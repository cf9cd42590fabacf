"""An object without its background: RGBA, with an edge that lies softly on any other picture."""

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

_REACH = 3
"""Pixels to either side of the edge that may be soft; everything further is wholly in or wholly out."""


def cutout(
    image: UInt8[np.ndarray, "height width 3"],
    alpha: Float[np.ndarray, "height width"] | Bool[np.ndarray, "height width"],
) -> UInt8[np.ndarray, "height width 4"]:
    """The photo with an alpha channel, and without the background's colour in the soft edge.

    Args:
        image: the photo.
        alpha: how much of each pixel belongs to the object, 0 to 1, from `soft_alpha`; or a mask, whose edge
            is then softened by about a pixel.
    """
    share = smooth_alpha(alpha) if alpha.dtype == bool else np.clip(alpha, 0, 1).astype(np.float32)
    colours = _without_background(image, share)
    return np.dstack([colours, np.rint(share * 255).astype(np.uint8)])


def soft_alpha(logits: Float[np.ndarray, "height width"], softness: float = 1.6) -> Float[np.ndarray, "height width"]:
    """How much of each pixel belongs to the object, from logits of the image's size.

    A logit divided by its slope is how many pixels away the edge is; a steep sigmoid of that goes from out to
    in over about `softness` pixels, just where the logits cross 0 between pixels. More than 3 pixels from the
    edge it is exactly 0 or 1, however unsure the logits are.
    """
    mask = logits > 0
    slope = np.hypot(_derivative(logits, 1, 0), _derivative(logits, 0, 1))
    inside_by = logits / np.maximum(slope, 1e-6)
    alpha = 1 / (1 + np.exp(np.clip(-4 / softness * inside_by, -60, 60)))
    return np.where(_near_the_edge(mask), alpha, mask).astype(np.float32)


def smooth_alpha(mask: Bool[np.ndarray, "height width"]) -> Float[np.ndarray, "height width"]:
    """A mask with its stairs smoothed, for where there are no logits."""
    blurred = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.6, borderType=cv2.BORDER_REPLICATE)
    return np.where(_near_the_edge(mask), blurred, mask).astype(np.float32)


def _near_the_edge(mask: np.ndarray) -> np.ndarray:
    kernel = np.ones((2 * _REACH + 1, 2 * _REACH + 1), np.uint8)
    return cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_GRADIENT, kernel) > 0


def _derivative(logits: np.ndarray, along_x: int, along_y: int) -> np.ndarray:
    """Change per pixel, from a 3 x 3 neighbourhood."""
    return cv2.Scharr(logits.astype(np.float32), cv2.CV_32F, along_x, along_y, scale=1 / 32)


def _without_background(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Where a pixel is partly background, take the colour of the object next to it, as far as there is any.

    The colour next to it is a blurred mean of the pixels that are the object's alone. What cannot be seen is
    black: the file is smaller, and nobody finds the background in it.
    """
    solid = cv2.erode((alpha > 0.99).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.float32)
    near, amount = _blur(image * solid[..., None]), _blur(solid)
    own = near / np.maximum(amount, 1e-6)[..., None]
    share = np.clip(3 * (1 - alpha), 0, 1) * np.clip(amount * 1000, 0, 1)
    colours = image + (own - image) * share[..., None]
    colours[(alpha == 0) & (share < 1)] = 0
    return np.clip(np.rint(colours), 0, 255).astype(np.uint8)


def _blur(values: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(values, (0, 0), 2.0, borderType=cv2.BORDER_CONSTANT)
