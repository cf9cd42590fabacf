"""Prompts drawn from true masks, as a person, a detector or an earlier answer would give them.

Masks here are at any one resolution; points and boxes come in its pixels.
"""

import numpy as np
from jaxtyping import Bool, Float

from hqsam.masks.boxes import box_of_mask
from hqsam.masks.regions import innermost_point

Mask = Bool[np.ndarray, "height width"]


def box_of(mask: Mask) -> Float[np.ndarray, "4"]:
    """x0, y0, x1, y1 of the mask, the maxima inclusive, as the official training has it."""
    return (box_of_mask(mask) - (0, 0, 1, 1)).astype(np.float32)


def noisy_box(mask: Mask, random: np.random.Generator, spread: float = 0.1, limit: float = 20) -> np.ndarray:
    """The box with each corner moved: deviation `spread` of the side, at most `limit` pixels (SAM, appendix A)."""
    box = box_of(mask)
    sides = np.tile(box[2:] - box[:2] + 1, 2)
    moved = box + np.clip(random.normal(0, 1, 4) * spread * sides, -limit, limit)
    height, width = mask.shape
    moved = np.clip(moved, 0, (width - 1, height - 1, width - 1, height - 1))
    return np.concatenate([np.minimum(moved[:2], moved[2:]), np.maximum(moved[:2], moved[2:])]).astype(np.float32)


def random_point(region: Mask, random: np.random.Generator) -> Float[np.ndarray, "2"]:
    """x, y of any pixel of the region."""
    places = np.flatnonzero(region)
    row, column = divmod(int(places[random.integers(len(places))]), region.shape[1])
    return np.array([column, row], np.float32)


def click(region: Mask, random: np.random.Generator, innermost: float = 0.5) -> Float[np.ndarray, "2"]:
    """A click into the region: in its middle, or anywhere."""
    return (
        np.array(innermost_point(region), np.float32) if random.random() < innermost else random_point(region, random)
    )


def correction(truth: Mask, predicted: Mask, random: np.random.Generator) -> tuple[Float[np.ndarray, "2"], int]:
    """A click into the larger of the missed and the surplus region, and its label (1 add, 0 remove).

    A perfect prediction gets one more click inside the truth.
    """
    missed, surplus = truth & ~predicted, predicted & ~truth
    if not missed.any() and not surplus.any():
        return click(truth, random), 1
    wrong, label = (missed, 1) if missed.sum() >= surplus.sum() else (surplus, 0)
    return click(wrong, random), label
