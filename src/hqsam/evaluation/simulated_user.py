"""Prompts of a simulated user who knows the ground truth: its box, a click, and corrections.

Nothing here is random, so that two models get the same prompts.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool

from hqsam.data.prompting import larger_error
from hqsam.errors import InputError
from hqsam.masks.boxes import box_of_mask
from hqsam.masks.regions import innermost_point

GoOn = Literal["points", "refine"]
"""The form of a correction: all clicks so far, or the new click with the earlier mask as mask prompt."""


@runtime_checkable
class HasMasks(Protocol):
    """Anything with masks, such as a `Segmentation`."""

    @property
    def masks(self) -> Bool[np.ndarray, "mask height width"]: ...


@runtime_checkable
class Promptable(Protocol):
    """Anything that can be prompted, such as a `Session`."""

    @property
    def segment(self) -> Callable[..., Any]: ...


class Click(NamedTuple):
    """One click at a pixel."""

    x: int
    y: int
    label: Literal[0, 1]
    """1 for the object, 0 for what it is not."""


def from_box(session: Promptable, truth: Bool[np.ndarray, "height width"], source: str | None = None) -> HasMasks:
    """Prompt with the box of the ground truth.

    Raises:
        InputError: the true mask is empty.
    """
    if not truth.any():
        raise InputError("the true mask is empty, so nothing can be asked about it; leave such objects out")
    return session.segment(box=box_of_mask(truth), source=source)


def by_clicks(
    session: Promptable,
    truth: Bool[np.ndarray, "height width"],
    corrections: int = 2,
    go_on: GoOn = "points",
    source: str | None = None,
) -> list[HasMasks]:
    """Prompt with a click at the innermost point of the ground truth, and with each correction after it.

    Args:
        session: the photo, encoded.
        truth: the true mask.
        corrections: how many clicks follow the first. Where nothing is left to correct, the mask stays.
        go_on: the form of corrections.
        source: as in `session.segment`.

    Raises:
        InputError: the true mask is empty.
    """
    clicks = [Click(*innermost_point(truth), 1)]
    answers: list[HasMasks] = [_ask(session, clicks, source)]
    for _ in range(corrections):
        click = correction(answers[-1].masks[0], truth)
        if click is None:
            answers.append(answers[-1])
            continue
        clicks.append(click)
        refined = go_on == "refine"
        answers.append(_ask(session, clicks[-1:], source, answers[-1]) if refined else _ask(session, clicks, source))
    return answers


def correction(predicted: Bool[np.ndarray, "height width"], truth: Bool[np.ndarray, "height width"]) -> Click | None:
    """Return a click at the innermost point of the larger error: of what is missing, or of what is too much.

    None if there is no error. Of two errors of one size, what is missing comes first.
    """
    error = larger_error(predicted, truth)
    return None if error is None else Click(*innermost_point(error[0]), error[1])


def _ask(session: Promptable, clicks: list[Click], source: str | None, refine: HasMasks | None = None) -> HasMasks:
    points, labels = [(click.x, click.y) for click in clicks], [click.label for click in clicks]
    earlier = {} if refine is None else {"refine": refine}
    return session.segment(points=points, labels=labels, source=source, **earlier)
