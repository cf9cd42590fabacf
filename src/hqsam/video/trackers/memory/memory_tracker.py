"""The tracker of models with a memory of videos."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

from hqsam.video.trackers import Answer, Memory
from hqsam.video.trackers.memory.memory_frame import MemoryFrame
from hqsam.video.trackers.memory.memory_model import MemoryModel
from hqsam.video.trackers.memory.object_in_frame import ObjectInFrame, stack_logits
from hqsam.video.trackers.memory.object_memory import bank_of, before, with_frame


class MemoryTracker:
    """Follows each object by what is remembered of its own prompted frames, and of the frames before."""

    name = "memory"
    recalls = True

    def __init__(self, model: MemoryModel) -> None:
        self.model = model
        self.reach = model.memory.recent_frames
        self.about = (
            f"{model.engine.config.name} remembers its objects: the prompted frames of each, the last "
            f"{self.reach} frames, and pointers of the last {model.memory.recent_pointers}"
        )

    def encode(self, pixels: UInt8[np.ndarray, "height width 3"], index: int) -> MemoryFrame:
        """Encode a frame, once for all objects."""
        return self.model.encode(pixels, index)

    def answer(
        self,
        frame: MemoryFrame,
        prompt: Mapping[str, Any],
        earlier: Answer | None = None,
        memory: Memory | None = None,
    ) -> Answer:
        """Return the mask for prompts; with a memory, of the object that is remembered."""
        bank = None if memory is None else bank_of(memory, frame.index, self.model.memory)
        logits = None
        if earlier is not None:
            known = ObjectInFrame.from_tensors(earlier.tensors)
            logits = known.logits if known else frame.logits_of_mask(frame.square_mask(earlier.mask))[0]
        one = self.model.prompted(frame, prompt, logits, bank)
        return self._answers(frame, self.model.remembered(frame, [one], as_prompted=True))[0]

    def given(self, frame: MemoryFrame, mask: Bool[np.ndarray, "height width"]) -> Answer:
        """Return the mask as it is, with what is remembered of it."""
        [one] = self.model.remembered(frame, [self.model.given(frame, mask)], as_prompted=True)
        return Answer(mask, 1.0, True, one.to_tensors())

    def remember(
        self, frame: Callable[[], MemoryFrame], index: int, answer: Answer, memory: Memory | None, *, prompted: bool
    ) -> Memory:
        """Return the memory with a frame in it; a mask that was read back is looked at in its frame."""
        one = ObjectInFrame.from_tensors(answer.tensors)
        if one is None:
            one = self.model.given(frame(), answer.mask)
        if one.map is None:
            [one] = self.model.remembered(frame(), [one], as_prompted=True)
        return with_frame(memory, index, one, self.model.memory, prompted=prompted)

    def before(self, memory: Memory, index: int, reverse: bool) -> Memory | None:
        """Return a memory without what comes after a frame, if it reaches up to that."""
        return before(memory, index, reverse)

    def step(self, frame: MemoryFrame, memories: Sequence[Memory], *, reverse: bool) -> list[tuple[Answer, Memory]]:
        """Follow objects into the next frame; those that are absent stay in memory, and come back."""
        config = self.model.memory
        found = self.model.followed(frame, [bank_of(memory, frame.index, config) for memory in memories])
        found = self.model.remembered(frame, found, as_prompted=False)
        answers = self._answers(frame, found)
        return [
            (replace(answer, tensors={}), with_frame(memory, frame.index, one, config, prompted=False))
            for answer, one, memory in zip(answers, found, memories, strict=True)
        ]

    def _answers(self, frame: MemoryFrame, objects: Sequence[ObjectInFrame]) -> list[Answer]:
        masks = frame.masks(stack_logits(list(objects)))
        return [
            Answer(mask, one.score, one.is_present and bool(mask.any()), one.to_tensors())
            for mask, one in zip(masks, objects, strict=True)
        ]
