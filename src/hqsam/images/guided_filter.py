"""The guided filter: values of an image's pixels, smoothed within its colours and not across their edges."""

import cv2
import numpy as np
from jaxtyping import Float32, UInt8


def guided_filter(
    image: UInt8[np.ndarray, "height width 3"],
    values: Float32[np.ndarray, "height width"],
    radius: int,
    eps: float,
    most_pixels: int = 1 << 18,
) -> Float32[np.ndarray, "height width"]:
    """Return the local linear function of the colours that is nearest to the values (He et al., 2010).

    Args:
        image: RGB.
        values: a value for each pixel, such as 1 inside a mask and 0 outside.
        radius: half the side of the windows that the functions are fitted in, in pixels.
        eps: variance of a colour, of 0 to 1, below which a window counts as flat.
        most_pixels: of larger images the functions are found at a smaller scale (He and Sun, 2015).
    """
    height, width = values.shape
    shrink = max(1.0, (height * width / most_pixels) ** 0.5)
    small_wh = (max(1, round(width / shrink)), max(1, round(height / shrink)))
    guide, wanted = image, values
    if shrink > 1:
        guide, wanted = (cv2.resize(each, small_wh, interpolation=cv2.INTER_AREA) for each in (image, values))
    colours = guide.astype(np.float32) * np.float32(1 / 255)
    slopes, offset = _linear_functions(colours, wanted, max(1, round(radius / shrink)), eps)
    if shrink > 1:
        both = cv2.resize(np.dstack([slopes, offset]), (width, height), interpolation=cv2.INTER_LINEAR)
        slopes, offset = both[..., :3], both[..., 3]
        colours = image.astype(np.float32) * np.float32(1 / 255)
    return np.einsum("hwc,hwc->hw", slopes, colours) + offset


def _linear_functions(
    colours: Float32[np.ndarray, "h w 3"], values: Float32[np.ndarray, "h w"], radius: int, eps: float
) -> tuple[Float32[np.ndarray, "h w 3"], Float32[np.ndarray, "h w"]]:
    """Return slopes and offset of the mean of the functions of all windows around each pixel."""
    side = 2 * radius + 1

    def mean(x: np.ndarray) -> np.ndarray:
        return cv2.boxFilter(x, -1, (side, side), borderType=cv2.BORDER_REFLECT)

    of_colour, of_value = mean(colours), mean(values)
    covariance = mean(colours * values[..., None]) - of_colour * of_value[..., None]
    pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    products = mean(np.dstack([colours[..., i] * colours[..., j] for i, j in pairs[:4]]))
    more = mean(np.dstack([colours[..., i] * colours[..., j] for i, j in pairs[4:]]))
    moments = [products[..., 0], products[..., 1], products[..., 2], products[..., 3], more[..., 0], more[..., 1]]
    rr, rg, rb, gg, gb, bb = (
        moment - of_colour[..., i] * of_colour[..., j] + (np.float32(eps) if i == j else 0)
        for moment, (i, j) in zip(moments, pairs, strict=True)
    )
    # The inverse of each window's symmetric 3 x 3 matrix by its cofactors.
    inverse = (
        gg * bb - gb * gb,
        gb * rb - rg * bb,
        rg * gb - gg * rb,
        rr * bb - rb * rb,
        rb * rg - rr * gb,
        rr * gg - rg * rg,
    )
    determinant = rr * inverse[0] + rg * inverse[1] + rb * inverse[2]
    r, g, b = covariance[..., 0], covariance[..., 1], covariance[..., 2]
    slopes = np.dstack([
        inverse[0] * r + inverse[1] * g + inverse[2] * b,
        inverse[1] * r + inverse[3] * g + inverse[4] * b,
        inverse[2] * r + inverse[4] * g + inverse[5] * b,
    ]) / determinant[..., None]  # fmt: skip
    offset = of_value - (slopes * of_colour).sum(axis=2)
    return mean(slopes), mean(offset)
