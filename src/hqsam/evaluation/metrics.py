"""IoU and boundary IoU, of one mask and of a set."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from hqsam.errors import InputError
from hqsam.masks.boundary import boundary_iou, iou


class Agreement(NamedTuple):
    """How well a mask agrees with the true one, each from 0 to 1; or the means of many."""

    iou: float
    boundary_iou: float


def compare(
    predicted: Bool[np.ndarray, "height width"], truth: Bool[np.ndarray, "_ _"], ratio: float = 0.02
) -> Agreement:
    """Of one mask. Boundaries are `ratio` of the diagonal wide: 0.02, or 0.01 for the strict measure.

    Raises:
        InputError: the masks differ in size.
    """
    return Agreement(iou(predicted, truth), boundary_iou(predicted, truth, ratio))


def mean(agreements: Sequence[Agreement]) -> Agreement:
    """Over a set: every mask counts the same, however large it is. With one mask a photo, the official mIoU and mBIoU.

    Raises:
        InputError: there is none.
    """
    if not agreements:
        raise InputError("there is nothing to take the mean of; give at least one agreement")
    count = len(agreements)
    return Agreement(
        sum(each.iou for each in agreements) / count, sum(each.boundary_iou for each in agreements) / count
    )
