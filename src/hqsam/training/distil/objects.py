"""Choice of the objects that a teacher's clicks have found."""

import numpy as np
from jaxtyping import Bool, Float, Int

_SURE, _SAME = 0.1, 0.8
"""Candidates that are scored so much below the best are still taken; masks with so large an IoU are one object."""

_SMALLEST, _LARGEST = 0.0008, 0.9
"""Shares of the photo that an object may take."""


def choose_candidates(
    areas: Float[np.ndarray, "click candidate"],
    scores: Float[np.ndarray, "click candidate"],
    random: np.random.Generator,
) -> Int[np.ndarray, "click"]:
    """Choose one of each click's candidates, by chance among those that the teacher is sure of; -1 where there is none.

    By chance, so that parts and wholes both are learnt from.

    Args:
        areas: share of the photo that each mask takes.
        scores: the teacher's predicted IoU of each.
        random: all that is random comes from here.
    """
    usable = (areas >= _SMALLEST) & (areas <= _LARGEST)
    best = np.where(usable, scores, -np.inf).max(axis=1, keepdims=True)
    sure = usable & (scores >= best - _SURE)
    drawn = np.where(sure, random.random(scores.shape), -1.0)
    return np.where(sure.any(axis=1), drawn.argmax(axis=1), -1)


def choose_objects(
    masks: Bool[np.ndarray, "click height width"], scores: Float[np.ndarray, "click"], count: int
) -> list[int]:
    """Choose up to `count` clicks with different masks: the better half in order, then the rest.

    Args:
        masks: the mask of each click.
        scores: the teacher's predicted IoU of each.
        count: how many to choose.
    """
    better = scores >= np.median(scores) if len(scores) else scores
    order = [*np.flatnonzero(better), *np.flatnonzero(~np.asarray(better, bool))]
    chosen: list[int] = []
    for click in order:
        if len(chosen) == count:
            break
        if all(_iou(masks[click], masks[other]) < _SAME for other in chosen):
            chosen.append(int(click))
    return chosen


def _iou(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.count_nonzero(one & other) / max(1, np.count_nonzero(one | other)))
