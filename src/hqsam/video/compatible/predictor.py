"""An official predictor: prompts, what is remembered of them before following, and following itself."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch

from hqsam.errors import PromptError
from hqsam.video.compatible.holes import fill_holes
from hqsam.video.compatible.object_record import ObjectRecord, bank_for
from hqsam.video.compatible.settings import Official
from hqsam.video.trackers.memory.memory_frame import MemoryFrame
from hqsam.video.trackers.memory.memory_model import MemoryModel
from hqsam.video.trackers.memory.object_in_frame import ObjectInFrame

_NOT_THERE = -1024.0
"""Logits of objects without an output on a frame."""


class OfficialPredictor:
    """The state of one video, which grows with every frame that is followed, as the official one does."""

    def __init__(
        self, model: MemoryModel, settings: Official, frames: int, encode: Callable[[int], MemoryFrame]
    ) -> None:
        self.model, self.settings, self.frames, self.encode = model, settings, frames, encode
        self.records: dict[int, ObjectRecord] = {}
        self.started = False
        """True once the video was followed."""
        self._corrections: set[int] = set()
        """Followed frames that were prompted, but are no conditioning ones."""

    def add_object(self, number: int) -> None:
        """Begin an object.

        Raises:
            PromptError: the predictor takes none after following began.
        """
        if self.started and self.settings.predictor == "hq":
            raise PromptError(
                "HQ-SAM 2's predictor takes no new object once the video was followed; add all of them before, or open "
                "the video without compatible, which takes objects at any time"
            )
        self.records[number] = ObjectRecord()

    def prompt(self, number: int, index: int, prompt: Mapping[str, Any]) -> ObjectInFrame:
        """Answer a prompt on a frame: points and a box, or a mask.

        Raises:
            PromptError: it does not fit the frame.
        """
        record, frame = self.records[number], self.encode(index)
        tracked = record.tracked
        conditioning = index not in tracked or self.settings.add_all_frames_to_correct_as_cond
        if "mask" in prompt:
            answer = self.model.given(frame, prompt["mask"])
        else:
            earlier = record.waiting[conditioning].get(index) or record.known(index)
            bank = None
            if index in tracked:
                bank = bank_for(record, index, self.frames, tracked[index], self.model.memory)
            answer = self.model.prompted(frame, prompt, earlier.logits if earlier else None, bank)
        answer = self._filled(answer)
        record.waiting[conditioning][index] = answer
        return answer

    def waiting_on(self, index: int) -> dict[int, ObjectInFrame]:
        """Return the objects that are known on a frame, the newest answer of each."""
        found = {
            number: record.waiting[True].get(index) or record.waiting[False].get(index) or record.known(index)
            for number, record in self.records.items()
        }
        return {number: one for number, one in found.items() if one is not None}

    def is_kept(self, number: int, index: int) -> bool:
        """Return True if a frame of an object is not made again when the video is followed."""
        return self._kept(self.records[number], index) is not None

    def prepare(self) -> None:
        """Remember what was prompted since the video was followed last.

        Raises:
            PromptError: an object has no prompt.
        """
        self.started = True
        for conditioning in (False, True):
            for index in sorted({index for one in self.records.values() for index in one.waiting[conditioning]}):
                self._remember_prompted(index, conditioning)
        for number, record in self.records.items():
            record.drop_doubles()
            if not record.conditioning:
                raise PromptError(f"object {number} has no prompt on a frame from which it could be followed")

    def first_frame(self) -> int:
        """Return the first conditioning frame of any object."""
        return min(index for record in self.records.values() for index in record.conditioning)

    def follow(self, index: int, reverse: bool) -> dict[int, ObjectInFrame]:
        """Return all objects in a frame: as prompted, or followed into it."""
        found, due = {}, {}
        for number, record in self.records.items():
            known = self._kept(record, index)
            if known is not None:
                found[number] = known
            else:
                due[number] = record
        if due:
            found |= self._followed(due, index, reverse)
        for record in self.records.values():
            record.tracked[index] = reverse
        return {number: found[number] for number in self.records}

    def _followed(self, due: dict[int, ObjectRecord], index: int, reverse: bool) -> dict[int, ObjectInFrame]:
        frame = self.encode(index)
        banks = [bank_for(record, index, self.frames, reverse, self.model.memory) for record in due.values()]
        made = self.model.remembered(frame, self.model.followed(frame, banks), as_prompted=False)
        outputs = [self._filled(one) for one in made]  # what is remembered has its holes
        for record, one in zip(due.values(), outputs, strict=True):
            record.others[index] = one
        return dict(zip(due, outputs, strict=True))

    def _kept(self, record: ObjectRecord, index: int) -> ObjectInFrame | None:
        """Return an output that is not made again: of a conditioning frame, or in the older predictor of any prompt."""
        if index in record.conditioning:
            return record.conditioning[index]
        return record.others[index] if self.settings.predictor == "hq" and index in self._corrections else None

    def _remember_prompted(self, index: int, conditioning: bool) -> None:
        """Remember the prompted objects of a frame; in the older predictor, all objects."""
        outputs: dict[int, ObjectInFrame] = {}
        for number, record in self.records.items():
            waiting = record.waiting[conditioning].pop(index, None)
            if waiting is not None:
                outputs[number] = waiting
            elif self.settings.predictor == "hq":
                outputs[number] = record.known(index) or self._nothing()
        made = self.model.remembered(self.encode(index), list(outputs.values()), as_prompted=True)
        for number, one in zip(outputs, made, strict=True):
            self.records[number].keep(index, one, conditioning)
        if not conditioning:
            self._corrections.add(index)

    def _nothing(self) -> ObjectInFrame:
        """Return what the older predictor takes for an object that has nothing on another object's frame."""
        size = self.model.engine.config.mask_size
        logits = torch.full((size, size), _NOT_THERE)
        return ObjectInFrame(logits, logits, torch.tensor(10.0), self.model.absent_pointer(), torch.empty(0))

    def _filled(self, one: ObjectInFrame) -> ObjectInFrame:
        area = self.settings.fill_hole_area
        if not area:
            return one
        logits, remembered = (fill_holes(each, area) for each in (one.logits, one.memory_logits))
        return replace(one, logits=logits, memory_logits=remembered)
