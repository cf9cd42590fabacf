"""The paper's augmentation: a flip, and large-scale jitter (Ghiasi et al., 2021) as the official training has it.

The image's long side becomes 0.1 to 2 times the model's, evenly drawn; what is too large is cropped somewhere, what is
too small is padded below and to the right. Resizing is bilinear without smoothing, also for masks, which so get grey
edges: 0 to 255 is the share of a pixel that the object is taken to cover.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from hqsam.masks.regions import innermost_point

PADDING_GREY = 128
"""Gray value of the padding."""

_TRIES = 10
_THRESHOLD = 128


@dataclass(frozen=True, kw_only=True)
class JitterConfig:
    """Ranges of the paper's augmentation."""

    scale: tuple[float, float] = (0.1, 2.0)
    """Range of the long side relative to the model's image, uniform."""
    flip: float = 0.5
    """Probability of a horizontal flip."""


@dataclass(frozen=True)
class Placement:
    """Position of an image in the model's square: flipped or not, resized, and cropped from (top, left) on."""

    size: int
    """Side of the square, in pixels."""
    resized_hw: tuple[int, int]
    top: int = 0
    left: int = 0
    flipped: bool = False

    def of_image(self, image: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "{self.size} {self.size} 3"]:
        """Return the image in the square, with gray padding."""
        return self._placed(image, PADDING_GREY)

    def of_mask(self, mask: Bool[np.ndarray, "height width"]) -> UInt8[np.ndarray, "{self.size} {self.size}"]:
        """Return the share of each of the square's pixels that a mask covers, 0 to 255."""
        return self._placed(mask.astype(np.uint8) * 255, 0)

    def _placed(self, pixels: np.ndarray, beside: int) -> np.ndarray:
        pixels = pixels[:, ::-1] if self.flipped else pixels
        height, width = self.resized_hw
        resized = cv2.resize(np.ascontiguousarray(pixels), (width, height), interpolation=cv2.INTER_LINEAR)
        part = resized[self.top : self.top + self.size, self.left : self.left + self.size]
        placed = np.full((self.size, self.size, *pixels.shape[2:]), beside, np.uint8)
        placed[: part.shape[0], : part.shape[1]] = part
        return placed


def place(size_hw: tuple[int, int], size: int, config: JitterConfig, random: np.random.Generator) -> Placement:
    """Draw a placement for an image of this height and width."""
    flipped = bool(random.random() < config.flip)
    resized = resized_to(size_hw, float(random.uniform(*config.scale)) * size)
    top, left = (int(random.integers(0, max(0, side - size) + 1)) for side in resized)
    return Placement(size, resized, top, left, flipped)


def resized_to(size_hw: tuple[int, int], long_side: float) -> tuple[int, int]:
    """Return height and width with this long side, at least 1, rounded as in the official training."""
    # Python's round and torch's are the same: halves go to the even number.
    factor = round(long_side) / max(size_hw)
    return max(1, round(size_hw[0] * factor)), max(1, round(size_hw[1] * factor))


def place_object(
    mask: Bool[np.ndarray, "height width"], size: int, config: JitterConfig, random: np.random.Generator
) -> tuple[Placement, UInt8[np.ndarray, "{size} {size}"]]:
    """Draw a placement in which something of an object is visible; return it and the object's placed mask.

    The official training goes on with an empty mask where the crop misses the object or shrinks it away. Here another
    placement is drawn, and after ten of them the image is cropped around the object at its own resolution.
    """
    for _ in range(_TRIES):
        placement = place(mask.shape, size, config, random)
        placed = placement.of_mask(mask)
        if can_be_seen(placed):
            return placement, placed
    placement = _around(mask, size)
    return placement, placement.of_mask(mask)


def can_be_seen(placed: UInt8[np.ndarray, "size size"]) -> bool:
    """Return True if a placed mask has a pixel above 128, which is inside in the official training."""
    return bool(placed.max(initial=0) > _THRESHOLD)


def _around(mask: np.ndarray, size: int) -> Placement:
    height, width = mask.shape
    x, y = innermost_point(mask)
    top, left = (max(0, min(at - size // 2, side - size)) for at, side in ((y, height), (x, width)))
    return Placement(size, (height, width), top, left)
