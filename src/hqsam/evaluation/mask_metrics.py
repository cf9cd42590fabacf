"""IoU and boundary IoU of a mask and of many, and the number of clicks (NoC)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from hqsam.errors import InputError
from hqsam.evaluation.record import Row
from hqsam.masks.boundary import boundary_iou, iou


class MaskScores(NamedTuple):
    """IoU and boundary IoU of a mask with the ground truth, 0 to 1; or the means of many."""

    iou: float
    boundary_iou: float


class Clicks(NamedTuple):
    """Number of clicks needed to reach an IoU."""

    mean: float
    """NoC: the mean number of clicks; an object that is never reached counts as the most that were allowed."""
    failures: int
    """Number of objects that were not reached."""


def mask_scores(
    predicted: Bool[np.ndarray, "height width"], truth: Bool[np.ndarray, "_ _"], ratio: float = 0.02
) -> MaskScores:
    """Return IoU and boundary IoU of a mask; boundaries are `ratio` of the diagonal wide, 0.01 for the strict metric.

    Two masks that are both empty agree: 1, where the official code divides 0 by 0.

    Raises:
        InputError: the masks differ in size.
    """
    return MaskScores(iou(predicted, truth), boundary_iou(predicted, truth, ratio))


def mean_scores(scores: Sequence[MaskScores]) -> MaskScores:
    """Return the means over masks, each counting the same: mIoU and mBIoU.

    Raises:
        InputError: there is none.
    """
    if not scores:
        raise InputError("there is nothing to take the mean of; give the scores of at least one mask")
    count = len(scores)
    return MaskScores(sum(each.iou for each in scores) / count, sum(each.boundary_iou for each in scores) / count)


def clicks_to_target(ious: Sequence[float], target: float, most: int = 20) -> int | None:
    """Return the number of clicks after which the IoU is at least `target`; None if it is not within `most`.

    `ious` are the IoUs after one click, two clicks and so on; a curve may end once it has reached its target.
    """
    return next((number for number, value in enumerate(ious[:most], start=1) if value >= target), None)


def mean_clicks(curves: Sequence[Sequence[float]], target: float, most: int = 20) -> Clicks:
    """Return NoC@target over objects, as interactive segmentation reports it: NoC@85 is `mean_clicks(curves, 0.85)`.

    Raises:
        InputError: there is no curve, or one is empty.
    """
    if not curves or not all(len(curve) for curve in curves):
        raise InputError("clicks are counted over curves of IoU, one for each object, with one IoU a click at least")
    needed = [clicks_to_target(curve, target, most) for curve in curves]
    counted = [most if number is None else number for number in needed]
    return Clicks(sum(counted) / len(counted), needed.count(None))


def overlap(rows: Sequence[Row]) -> dict[str, float]:
    """Return mIoU and mBIoU of rows; nothing, unless each of them has a ground-truth mask."""
    scores = [
        MaskScores(row.iou, row.boundary_iou) for row in rows if row.iou is not None and row.boundary_iou is not None
    ]
    if not scores or len(scores) < len(rows):
        return {}
    overall = mean_scores(scores)
    return {"mIoU": float(overall.iou), "mBIoU": float(overall.boundary_iou)}
