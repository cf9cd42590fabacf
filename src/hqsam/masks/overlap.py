"""Overlap of masks and boxes: IoU, non-maximum suppression, and who gets a shared pixel."""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Bool, Float, Int, Num

from hqsam.errors import OptionError

Order = Literal["small_on_top", "large_on_top", "first_on_top", "last_on_top"]
"""The mask that gets a pixel that several masks claim."""


def box_iou(boxes: Num[np.ndarray, "box 4"], others: Num[np.ndarray, "other 4"]) -> Float[np.ndarray, "box other"]:
    """Return the IoU of each box with each other box; 0 where both have no area."""
    corner = np.maximum(boxes[:, None, :2], others[None, :, :2])
    opposite = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    intersection = np.prod(np.clip(opposite - corner, 0, None), axis=2, dtype=np.float64)
    union = _box_areas(boxes)[:, None] + _box_areas(others)[None] - intersection
    return np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)


def box_nms(
    boxes: Num[np.ndarray, "box 4"], scores: Float[np.ndarray, "box"], max_iou: float
) -> Int[np.ndarray, "kept"]:
    """Return which boxes to keep so that no two overlap by more than `max_iou`, best scores first."""
    rest, kept = np.argsort(-scores, kind="stable"), []
    while len(rest):
        best, rest = int(rest[0]), rest[1:]
        kept.append(best)
        rest = rest[box_iou(boxes[best : best + 1], boxes[rest])[0] <= max_iou]
    return np.array(kept, dtype=np.int64)


def disjoint_labels(
    masks: Bool[np.ndarray, "mask height width"] | Sequence[Bool[np.ndarray, "height width"]],
    order: Order = "small_on_top",
    size_hw: tuple[int, int] | None = None,
) -> Int[np.ndarray, "height width"]:
    """Return one number a pixel: 0 for none, i + 1 for mask i.

    Args:
        masks: may overlap.
        order: who gets a shared pixel; of equal sizes the earlier mask.
        size_hw: needed only if there may be no mask at all.
    """
    labels = np.zeros(masks[0].shape if size_hw is None else size_hw, dtype=np.int32)
    for index in painting_order([int(np.count_nonzero(mask)) for mask in masks], order):
        labels[masks[index]] = index + 1
    return labels


def check_order(order: Any) -> None:
    """Check that a word is an order.

    Raises:
        OptionError: there is no such order.
    """
    if order not in get_args(Order):
        raise OptionError(f"order is {order!r}; choose one of {', '.join(get_args(Order))}")


def painting_order(areas: Sequence[int], order: Order) -> list[int]:
    """Return the numbers of masks in the order to paint them over each other, from the bottom to the top.

    Raises:
        OptionError: there is no such order.
    """
    last_to_first = list(range(len(areas)))[::-1]
    check_order(order)
    match order:
        case "first_on_top":
            return last_to_first
        case "last_on_top":
            return last_to_first[::-1]
        case "small_on_top":
            return sorted(last_to_first, key=lambda index: -areas[index])
        case "large_on_top":
            return sorted(last_to_first, key=lambda index: areas[index])


def _box_areas(boxes: np.ndarray) -> np.ndarray:
    return np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None), axis=1, dtype=np.float64)
