"""Trackers follow objects from frame to frame: one for each way to do it, all with the interface below.

A tracker is without state. What it knows of an object is a `Memory`, tensors by name, which the video holds, stores
and hands back: so objects are added, corrected and resumed at any time. To add a tracker, write a class that
implements `Tracker`, and choose it in `tracker_for`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, UInt8
from torch import Tensor

from hqsam.engines import VideoEngine
from hqsam.predict.segmenter import Segmenter
from hqsam.predict.sources import check_source

Memory = Mapping[str, Tensor]
"""All that a tracker knows of one object, contiguous and on the CPU or the tracker's device."""


@dataclass(frozen=True, eq=False)
class Answer:
    """A mask of one object in one frame, as a tracker gives it."""

    mask: Bool[np.ndarray, "height width"]
    """In the pixels of the upright frame; without a pixel where the object is absent."""
    score: float
    """Confidence in the mask, 0 to 1."""
    present: bool = True
    """False if the object is not in the frame, or was lost."""
    tensors: Memory = field(default_factory=dict)
    """Further tensors that the tracker wants back when it refines or remembers this answer; a mask that was
    given, or read back from results, has none."""


@runtime_checkable
class Tracker(Protocol):
    """Answers prompts on frames, and follows objects into the next frame."""

    name: str
    """One word for the way of following."""
    about: str
    """A sentence on it."""
    reach: int
    """The tracked frames before a frame that a memory is built from, beside the prompted ones."""
    recalls: bool
    """True if prompts on a frame that was followed are answered with the memory of the frames before it. Then a memory
    also has followed frames before prompted ones."""

    def encode(self, pixels: UInt8[np.ndarray, "height width 3"], index: int) -> Any:
        """Encode a frame, once for all objects and prompts. The result has `nbytes`, the memory that it takes."""
        ...

    def answer(
        self, frame: Any, prompt: Mapping[str, Any], earlier: Answer | None = None, memory: Memory | None = None
    ) -> Answer:
        """Return the mask for prompts on a frame.

        Args:
            frame: from `encode`.
            prompt: arguments of `Session.segment`, for one object: all that was given on this frame so far.
            earlier: the object's mask in this frame before the newest of these prompts, if there is one.
            memory: the object's memory of the frames before; None for a new object.

        Raises:
            PromptError: the prompt does not fit the frame.
        """
        ...

    def given(self, frame: Any, mask: Bool[np.ndarray, "height width"]) -> Answer:
        """Return the answer to a mask of a frame that is all that was given: the mask itself."""
        ...

    def remember(
        self, frame: Callable[[], Any], index: int, answer: Answer, memory: Memory | None, *, prompted: bool
    ) -> Memory:
        """Return the memory with a frame added whose mask is known, such as a prompted one.

        Args:
            frame: encodes the frame; not called, if the answer's tensors tell all that is remembered.
            index: the frame's number.
            answer: the mask.
            memory: of the frames before; None if this is the first.
            prompted: whether the mask is a prompt's.
        """
        ...

    def before(self, memory: Memory, index: int, reverse: bool) -> Memory | None:
        """Return a memory without the frames that come after one, in the direction of following; None if it cannot
        tell them apart, or does not reach up to that frame."""
        ...

    def step(self, frame: Any, memories: Sequence[Memory], *, reverse: bool) -> list[tuple[Answer, Memory]]:
        """Follow objects into a frame, all in one batch.

        Args:
            frame: from `encode`.
            memories: one for each object, up to the frame before this one.
            reverse: the frame before is the later one in time.

        Returns:
            For each object its mask, and its memory with this frame in it.
        """
        ...


def tracker_for(segmenter: Segmenter, source: str | None = None) -> Tracker:
    """Return the best tracker for a model: by its memory of videos, or, as any image model can, by the last mask.

    Raises:
        OptionError: the model has no such source of masks.
    """
    chosen = check_source(source, segmenter.config)
    if segmenter.config.memory is not None and isinstance(segmenter.engine, VideoEngine):
        from hqsam.video.trackers.memory.memory_model import MemoryModel
        from hqsam.video.trackers.memory.memory_tracker import MemoryTracker

        return MemoryTracker(MemoryModel(segmenter.engine, chosen))
    from hqsam.video.trackers.following import FollowingTracker

    return FollowingTracker(segmenter, chosen)
