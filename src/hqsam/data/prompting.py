"""Prompts drawn from ground-truth masks, as a person, a detector or an earlier prediction would give them.

Masks may have any resolution; points and boxes are in their pixels.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int64

from hqsam.masks.boxes import box_of_mask
from hqsam.masks.regions import innermost_point
from hqsam.prompts import BOX_END, BOX_START, NEGATIVE, POSITIVE, encoder_points

Mask = Bool[np.ndarray, "height width"]

Kind = Literal["box", "clicks", "mask"]
"""The paper's kinds of training prompts, each a third of the time."""

CLICKS = 10
"""Number of clicks in the paper's training, all on the object."""

_BLUR, _INCOHERENT = 8, 0.01


class Prompt(NamedTuple):
    """A prompt for one object, in the model's pixels, as SAM's prompt encoder takes it."""

    points: Float[np.ndarray, "token 2"]
    labels: Int64[np.ndarray, "token"]
    mask: Float[np.ndarray, "mask_size mask_size"] | None = None


def paper_prompt(
    coverage: Float[np.ndarray, "size size"], mask_size: int, random: np.random.Generator, kind: Kind | None = None
) -> Prompt:
    """Draw the paper's training prompt for an object: its box, ten clicks on it, or a noisy mask of it.

    `coverage` is the share of each pixel that is covered; more than half of it is inside. One of the three is drawn
    where `kind` does not say which; an object of fewer than ten pixels gets no clicks. (The official training then
    gives none to the whole batch, which would make a prompt depend on the objects beside it.)
    """
    mask = coverage > 128 / 255
    allowed = [each for each in get_args(Kind) if each != "clicks" or np.count_nonzero(mask) >= CLICKS]
    match kind or allowed[int(random.integers(len(allowed)))]:
        case "clicks":
            return click_prompt(distinct_points(mask, CLICKS, random))
        case "mask":
            return Prompt(np.zeros((0, 2), np.float32), np.zeros(0, np.int64), noisy_mask(coverage, mask_size, random))
        case _:
            return box_prompt(box_of(mask))


def box_prompt(box_xyxy: Float[np.ndarray, "4"]) -> Prompt:
    """Return the prompt for a box: its two corners as points."""
    return Prompt(box_xyxy.reshape(2, 2), np.array([BOX_START, BOX_END], np.int64))


def click_prompt(points: Float[np.ndarray, "point 2"], labels: np.ndarray | None = None) -> Prompt:
    """Return clicks, on the object unless labels say otherwise, followed by the padding token of a prompt without
    box."""
    labels = np.full(len(points), POSITIVE) if labels is None else labels
    tokens, kinds = encoder_points(points[None].astype(np.float64), labels[None].astype(np.int64), None)
    return Prompt(tokens[0].astype(np.float32), kinds[0])


def noisy_mask(
    coverage: Float[np.ndarray, "height width"], mask_size: int, random: np.random.Generator
) -> Float[np.ndarray, "{mask_size} {mask_size}"]:
    """Return a mask that is wrong along its edge, as in the paper's training: 255 inside, 0 outside.

    Resized to the mask prompt's size, and where it differs from a version of an eighth of that size, normal noise is
    added before it is cut at a half. All resizing is bilinear without smoothing.
    """
    mask = _bilinear(coverage.astype(np.float32), mask_size)
    coarse = _bilinear(_bilinear(mask, mask_size // _BLUR), mask_size)
    incoherent = np.abs(mask - coarse) >= _INCOHERENT
    noise = random.standard_normal(mask.shape, np.float32)
    return np.where(mask + noise * incoherent > 0.5, np.float32(255), np.float32(0))


def _bilinear(grid: np.ndarray, side: int) -> np.ndarray:
    return cv2.resize(grid, (side, side), interpolation=cv2.INTER_LINEAR)


def distinct_points(region: Mask, count: int, random: np.random.Generator) -> Float[np.ndarray, "{count} 2"]:
    """Draw x, y of so many different pixels of a region."""
    places = random.choice(np.flatnonzero(region), count, replace=False)
    rows, columns = np.divmod(places, region.shape[1])
    return np.stack([columns, rows], axis=1).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class FirstPrompt:
    """Probabilities of the kinds of first prompts."""

    several: float = 0.0
    """Probability of several clicks at once, some of them beside the object."""
    mask: float = 0.0
    """Probability of a noisy mask and nothing else."""
    box: float = 0.55
    """Probability, among all other prompts, of a box that is a little off; the rest is one click."""

    def clicks(self, random: np.random.Generator) -> int:
        """Draw the number of clicks: several; 0 for a mask alone; else 1, for one click or a box."""
        drawn = random.random()
        if drawn < self.several:
            return int(random.choice(SEVERAL))
        return 0 if drawn < self.several + self.mask else 1

    @property
    def most_clicks(self) -> int:
        return max(SEVERAL) if self.several else 1


SEVERAL = (3, 8)
"""Numbers of clicks that count as several."""


def first_prompt(
    coverage: Float[np.ndarray, "size size"], mask_size: int, clicks: int, boxes: float, random: np.random.Generator
) -> Prompt:
    """Draw a prompt of the form that `FirstPrompt.clicks` gave; `coverage` is the share of each pixel that is
    covered."""
    if clicks == 0:
        sure = noisy_mask(coverage, mask_size, random) / 255
        return Prompt(np.zeros((0, 2), np.float32), np.zeros(0, np.int64), 20 * sure - 10)
    mask = coverage > 0.5
    if clicks > 1:
        return several_clicks(mask, clicks, random)
    if random.random() < boxes:
        return box_prompt(noisy_box(mask, random))
    return click_prompt(click(mask, random)[None])


def several_clicks(mask: Mask, count: int, random: np.random.Generator, beside: float = 0.25) -> Prompt:
    """Draw clicks, each next to the object with probability `beside`, else on it; the first is always on it."""
    around = _surroundings(mask)
    labels = np.where(random.random(count) < (beside if around.any() else 0), NEGATIVE, POSITIVE)
    labels[0] = POSITIVE
    points = np.stack([random_point(mask if label == POSITIVE else around, random) for label in labels])
    return click_prompt(points, labels)


def _surroundings(mask: Mask) -> Mask:
    """Return the pixels of the object's box, enlarged by a quarter on each side, that are not the object."""
    x0, y0, x1, y1 = (int(value) for value in box_of_mask(mask))
    right, down = max(2, (x1 - x0) // 4), max(2, (y1 - y0) // 4)
    near = np.zeros_like(mask)
    near[max(0, y0 - down) : y1 + down, max(0, x0 - right) : x1 + right] = True
    return near & ~mask


def box_of(mask: Mask) -> Float[np.ndarray, "4"]:
    """Return the box x0, y0, x1, y1 of a mask, the maxima inclusive, as in the official training."""
    return (box_of_mask(mask) - (0, 0, 1, 1)).astype(np.float32)


def noisy_box(
    mask: Mask, random: np.random.Generator, spread: float = 0.1, limit: float = 20
) -> Float[np.ndarray, "4"]:
    """Return a mask's box with moved corners: standard deviation `spread` of the side, at most `limit` pixels (SAM,
    appendix A)."""
    box = box_of(mask)
    sides = np.tile(box[2:] - box[:2] + 1, 2)
    moved = box + np.clip(random.normal(0, 1, 4) * spread * sides, -limit, limit)
    height, width = mask.shape
    moved = np.clip(moved, 0, (width - 1, height - 1, width - 1, height - 1))
    return np.concatenate([np.minimum(moved[:2], moved[2:]), np.maximum(moved[:2], moved[2:])]).astype(np.float32)


def random_point(region: Mask, random: np.random.Generator) -> Float[np.ndarray, "2"]:
    """Draw x, y of one pixel of a region."""
    return distinct_points(region, 1, random)[0]


def click(region: Mask, random: np.random.Generator, innermost: float = 0.5) -> Float[np.ndarray, "2"]:
    """Draw a click into a region: at its innermost point with probability `innermost`, else anywhere."""
    return (
        np.array(innermost_point(region), np.float32) if random.random() < innermost else random_point(region, random)
    )


def correction(truth: Mask, predicted: Mask, random: np.random.Generator) -> tuple[Float[np.ndarray, "2"], int]:
    """Draw a click into the larger of the missing and the surplus region; return it and its label (1 add, 0 remove).

    A perfect prediction gets one more click inside the truth.
    """
    wrong, label = larger_error(predicted, truth) or (truth, POSITIVE)
    return click(wrong, random), label


def larger_error(predicted: Mask, truth: Mask) -> tuple[Mask, Literal[0, 1]] | None:
    """Return the missing (1) or the surplus (0) pixels, whichever are more; None if the prediction is perfect.

    Of two errors of one size, what is missing comes first.
    """
    missing, surplus = truth & ~predicted, predicted & ~truth
    areas = np.count_nonzero(missing), np.count_nonzero(surplus)
    if not any(areas):
        return None
    return (missing, 1) if areas[0] >= areas[1] else (surplus, 0)
