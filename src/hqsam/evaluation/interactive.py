"""Clicks to a target IoU, as interactive segmentation measures it: each on the deepest error of the last mask.

The user is the one of Sofiiuk et al. (RITM, 2022): he clicks where he is furthest from anything that is right, on what
is missing or on what is too much, whichever is deeper, and never twice on one pixel. Each click refines the earlier
answer: clicks so far, and its logits as mask prompt, as SAM was trained.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from hqsam.evaluation.simulated_user import Click
from hqsam.masks.boundary import iou
from hqsam.masks.regions import squared_depth
from hqsam.predict.result import Segmentation

Mask = Bool[np.ndarray, "height width"]
Segment = Callable[..., Segmentation]
"""`Session.segment` with the source chosen; it returns one mask for a prompt."""


class ClickResult(NamedTuple):
    """The outcome of clicking to a target."""

    last: Segmentation
    ious: tuple[float, ...]
    """IoU after each click, up to the goal, a perfect mask, or the last click."""


def click_to_target(segment: Segment, truth: Mask, goal: float, most_clicks: int) -> ClickResult:
    """Click until the IoU reaches `goal`, or `most_clicks` times."""
    clicked = np.zeros_like(truth)
    click = next_click(np.zeros_like(truth), truth, clicked)
    answer, ious = None, []
    while click is not None:
        clicked[click.y, click.x] = True
        earlier = {} if answer is None else {"refine": answer}
        answer = segment(points=[(click.x, click.y)], labels=[click.label], **earlier)
        ious.append(iou(answer.masks[0], truth))
        done = ious[-1] >= goal or len(ious) == most_clicks
        click = None if done else next_click(answer.masks[0], truth, clicked)
    assert answer is not None, "an empty true mask cannot be clicked on"
    return ClickResult(answer, tuple(ious))


def next_click(predicted: Mask, truth: Mask, clicked: Mask) -> Click | None:
    """Return a click at the deepest pixel of the errors that was not clicked yet; of equals the surplus, then the first
    in reading order.

    None if there is no such pixel.
    """
    missing, surplus = (squared_depth(error) * ~clicked for error in (truth & ~predicted, predicted & ~truth))
    if not (missing.any() or surplus.any()):
        return None
    is_missing = bool(missing.max() > surplus.max())
    depth = missing if is_missing else surplus
    y, x = np.unravel_index(depth.argmax(), depth.shape)
    return Click(int(x), int(y), 1 if is_missing else 0)
