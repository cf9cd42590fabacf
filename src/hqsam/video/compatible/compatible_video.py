"""A video that is prompted and followed just as by an official predictor, through the face of ours."""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hqsam.errors import OptionError, PromptError
from hqsam.video.compatible.predictor import OfficialPredictor
from hqsam.video.compatible.settings import Official
from hqsam.video.frames import FrameSource
from hqsam.video.objects import PromptedFrame, VideoObject, merged_prompt
from hqsam.video.track_store import TrackStore
from hqsam.video.tracked_frame import TrackedFrame
from hqsam.video.trackers import Answer
from hqsam.video.trackers.memory.memory_tracker import MemoryTracker
from hqsam.video.trackers.memory.object_in_frame import ObjectInFrame, stack_logits
from hqsam.video.video import Video

_OVERLAPPED = -10.0
"""Highest logit of a pixel that another object has."""


class CompatibleVideo(Video):
    """A video by the rules of an official predictor.

    New clicks on a frame replace earlier ones, `track` follows anew from the first prompted frame each time, and
    all that was followed stays in memory.
    """

    def __init__(
        self, frames: FrameSource, tracker: MemoryTracker, tracks: TrackStore, max_memory: int, settings: Official
    ) -> None:
        super().__init__(frames, tracker, tracks, max_memory)
        self.predictor = OfficialPredictor(tracker.model, settings, len(frames), self.cache.encoded)

    @property
    def about(self) -> str:
        """A sentence on the way that objects are followed."""
        return f"objects are followed as by {self.predictor.settings.owner}'s own video predictor"

    def remove(self, which: TrackedFrame | int) -> None:
        number = self._object(which).object_id
        super().remove(which)
        del self.predictor.records[number]

    def _prompt(self, one: VideoObject, index: int, given: dict[str, Any]) -> TrackedFrame:
        prompt = self._checked(merged_prompt(None, given))
        is_new = one.object_id not in self.predictor.records
        if is_new:
            self.predictor.add_object(one.object_id)
        try:
            output = self.predictor.prompt(one.object_id, index, prompt)
        except PromptError:
            if is_new:
                del self.predictor.records[one.object_id]
            raise
        answer = self._answers(index, {**self.predictor.waiting_on(index), one.object_id: output})[one.object_id]
        self.serial += 1
        one.prompted[index] = PromptedFrame(prompt, answer, self.serial)
        mask = self.keep(one, index, answer, "prompted")
        return TrackedFrame.of(index, [mask], [one.label], self.image_size_hw, self.frames.frame_name(index))

    def _checked(self, prompt: dict[str, Any]) -> dict[str, Any]:
        if "mask" in prompt and self._given_mask(prompt) is None:
            raise PromptError("official predictors take a mask [H, W] of bool alone, or points and a box")
        return prompt

    def _follow(self, start: int | None, stop: int | None, reverse: bool, every: int) -> Iterator[TrackedFrame]:
        if every != 1:
            raise OptionError(f"every is {every}; official predictors look at every frame")
        self.predictor.prepare()
        for index in self._frames_to_follow(start, stop, reverse):
            outputs = self.predictor.follow(index, reverse)
            answers = self._answers(index, outputs)
            yield self.as_frame(index, [self._kept(number, index, answers[number], reverse) for number in answers])

    def _frames_to_follow(self, start: int | None, stop: int | None, reverse: bool) -> range:
        begin = self.predictor.first_frame() if start is None else start
        if not reverse:
            return range(begin, len(self) if stop is None else min(stop, len(self)))
        return range(begin, -1 if stop is None else stop, -1) if begin > 0 else range(0)

    def _kept(self, number: int, index: int, answer: Answer, reverse: bool) -> Any:
        one = self.objects[number]
        status = "prompted" if self.predictor.is_kept(number, index) else "tracked" if answer.present else "absent"
        return self.keep(one, index, answer, status, reverse)

    def _answers(self, index: int, outputs: dict[int, ObjectInFrame]) -> dict[int, Answer]:
        """Return the masks of all objects of a frame, in the frame's own pixels."""
        frame = self.cache.encoded(index).session.frame
        logits = stack_logits(list(outputs.values()))
        if self.predictor.settings.non_overlap_masks and len(outputs) > 1:
            masks = (_apart(frame.masks_to_image(logits)) > 0).numpy()
        else:
            masks = frame.masks_in_image(logits).numpy()
        return {
            number: Answer(mask, one.score, one.is_present and bool(mask.any()), one.to_tensors())
            for (number, one), mask in zip(outputs.items(), masks, strict=True)
        }


def _apart(logits: Float[Tensor, "object height width"]) -> Float[Tensor, "object height width"]:
    """Return logits of which one object alone can be above 0 in each pixel."""
    highest = logits.argmax(dim=0, keepdim=True)
    is_highest: Bool[Tensor, "object height width"] = torch.arange(len(logits))[:, None, None] == highest
    return torch.where(is_highest, logits, logits.clamp(max=_OVERLAPPED))
