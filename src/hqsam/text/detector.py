"""What a detector of words is: an image and labels in, boxes with scores out. Any object with `detect` will do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int, UInt8

from hqsam.errors import OptionError, PromptError
from hqsam.masks.overlap import box_nms

MAX_OVERLAP = 0.7
"""Largest IoU of two boxes that count as two objects, whatever their labels."""


@dataclass(frozen=True, eq=False)
class Detections:
    """Boxes that a detector found for labels, in the pixels of the image."""

    boxes: Float[np.ndarray, "box 4"]
    """x0, y0, x1, y1."""
    scores: Float[np.ndarray, "box"]
    """0 to 1."""
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, index: Int[np.ndarray, "row"]) -> "Detections":
        """Return some rows, in that order."""
        return Detections(self.boxes[index], self.scores[index], tuple(self.labels[row] for row in index))


@runtime_checkable
class Detector(Protocol):
    """Finds boxes of what words name."""

    def detect(
        self, pixels: UInt8[np.ndarray, "height width 3"], labels: Sequence[str], threshold: float | None = None
    ) -> Detections:
        """Return boxes for each of the labels, of at least that score; None is the detector's own usual threshold."""
        ...


def check_labels(labels: Any) -> tuple[str, ...]:
    """Return labels without blanks around them, each once; a text is divided at its commas.

    Raises:
        PromptError: there is none, or one is empty or no text.
    """
    given = labels.split(",") if isinstance(labels, str) else labels
    try:
        words = [one.strip() for one in given]
    except (TypeError, AttributeError):
        words = []
    if not words or not all(words):
        raise PromptError(f'labels are {labels!r}; give what to look for, such as ["a cup", "a spoon"] or "cup, spoon"')
    return tuple(dict.fromkeys(words))


def check_share(name: str, value: float | None) -> None:
    """Check that a threshold is a share.

    Raises:
        OptionError: it is not from 0 to 1.
    """
    if value is not None and not 0 <= value <= 1:
        raise OptionError(f"{name} is {value!r}; give a number from 0 to 1")


def settled(found: Detections, size_hw: tuple[int, int], max_overlap: float = MAX_OVERLAP) -> Detections:
    """Return boxes cut at the image's border, best first, where no two overlap by more than `max_overlap`.

    Non-maximum suppression runs over all labels together: one object that two labels found keeps the label with the
    higher score. Boxes with no area inside the image are left out.
    """
    height, width = size_hw
    boxes = np.clip(found.boxes, 0, np.array([width, height, width, height]))
    inside = np.flatnonzero((boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1]))
    cut = Detections(boxes, found.scores, found.labels).rows(inside)
    return cut.rows(box_nms(cut.boxes, cut.scores, max_overlap))
