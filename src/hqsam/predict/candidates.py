"""Candidates of the mask generator: masks that may yet be kept, with their logits while there is memory for them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float32

from hqsam.masks.overlap import box_nms
from hqsam.masks.windows import Window


@dataclass(frozen=True, eq=False)
class Candidate:
    """A mask that answers one click well enough."""

    point_index: int
    """The number of the click among those of the crop."""
    mask_index: int
    """The number of SAM's mask for the click, 1 to 3."""
    score: float
    stability: float
    box_xyxy: Float[np.ndarray, "4"]
    """The box in the crop's pixels."""
    window: Window
    """The window of the model's square that holds its logits; all others are outside."""
    logits: Float32[np.ndarray, "rows columns"] | None
    """The logits in the window; None if they were dropped for want of memory: they can be decoded again."""

    def with_logits(self, whole: Float32[np.ndarray, "size size"]) -> "Candidate":
        """Return the same candidate with its logits, which were decoded again."""
        return replace(self, logits=whole[self.window].copy())

    def whole_logits(self, size: int) -> Float32[np.ndarray, "{size} {size}"]:
        """Return the logits in the model's square."""
        assert self.logits is not None
        whole = np.full((size, size), -1.0, np.float32)
        whole[self.window] = self.logits
        return whole


class Candidates:
    """All candidates of a crop. Their logits never take more than `most_bytes`."""

    def __init__(self, most_bytes: int, max_iou: float) -> None:
        self._most_bytes, self._max_iou = most_bytes, max_iou
        self._all: list[Candidate] = []
        self._bytes = 0

    def add(self, more: Iterable[Candidate]) -> None:
        """Add candidates; where memory runs out, the logits of those that are likely not to be kept are dropped."""
        for one in more:
            self._all.append(one)
            self._bytes += one.logits.nbytes if one.logits is not None else 0
            if self._bytes > self._most_bytes:
                self._forget()

    def kept(self) -> list[Candidate]:
        """Return the candidates of which no two boxes overlap too much, best scores first."""
        return [self._all[index] for index in self._kept_indices()]

    def _kept_indices(self) -> list[int]:
        if not self._all:
            return []
        boxes = np.stack([one.box_xyxy for one in self._all])
        return box_nms(boxes, np.array([one.score for one in self._all]), self._max_iou).tolist()

    def _forget(self) -> None:
        """Drop the logits of those that would not be kept if the search ended here; if that is not enough, all."""
        likely = set(self._kept_indices())
        self._all = [one if index in likely else replace(one, logits=None) for index, one in enumerate(self._all)]
        self._bytes = sum(one.logits.nbytes for one in self._all if one.logits is not None)
        if self._bytes > self._most_bytes / 2:
            self._all, self._bytes = [replace(one, logits=None) for one in self._all], 0
