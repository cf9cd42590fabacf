"""A model with a memory, asked about objects of a frame: prompted, followed, or given by a mask."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from hqsam.engines import ObjectMasks, VideoEngine
from hqsam.engines.memory import no_points
from hqsam.model.hq_sam import Source
from hqsam.model.memory.bank import MemoryBank
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.prompts import PADDING
from hqsam.video.trackers.memory.memory_frame import MemoryFrame, encode_frame
from hqsam.video.trackers.memory.object_in_frame import ObjectInFrame

_OBJECTS_AT_ONCE = 8
"""Objects that are followed in one batch; each takes some 100 MB on the way, and more gain no speed on a CPU."""
_GIVEN_SCORE = 10.0
"""Object score of a mask that was given and has pixels."""


class MemoryModel:
    """An engine with a memory of videos, and the sources of its masks."""

    def __init__(self, engine: VideoEngine, source: Source) -> None:
        self.engine = engine
        self.source: Source = source
        # SAM 2's training remembers what it answers; the HQ mask alone was never remembered in any training.
        self.memory_source: Source = "sam" if source == "sam" else "sum"
        memory = engine.config.memory
        assert memory is not None
        self.memory = memory

    def encode(self, pixels: UInt8[np.ndarray, "height width 3"], index: int) -> MemoryFrame:
        """Encode a frame, once for all objects."""
        return encode_frame(pixels, index, self.engine)

    def prompted(
        self,
        frame: MemoryFrame,
        prompt: Mapping[str, Any],
        earlier_logits: Float[Tensor, "h w"] | None,
        bank: MemoryBank | None,
    ) -> ObjectInFrame:
        """Answer prompts for one object: points and a box, with the mask that it has by now as mask prompt.

        Args:
            frame: the frame.
            prompt: arguments of `Session.segment`; a mask in it is a mask prompt.
            earlier_logits: the object's mask in this frame before these prompts.
            bank: what is remembered of the object; None for the frame alone.

        Raises:
            PromptError: the prompt does not fit the frame.
        """
        batch, clicks = _prompt_batch(frame, prompt, earlier_logits)
        image = frame.encoded if bank is None else self.engine.recall(frame.encoded, bank)
        return _objects(self._decode(image, batch, ambiguous=clicks <= 1))[0]

    def followed(self, frame: MemoryFrame, banks: Sequence[MemoryBank]) -> list[ObjectInFrame]:
        """Follow objects into a frame by what is remembered of each."""
        found: dict[int, ObjectInFrame] = {}
        for rows in _alike(banks):
            image = self.engine.recall(frame.encoded, MemoryBank.join([banks[row] for row in rows]))
            masks = self._decode(image, no_points(len(rows)), ambiguous=True)
            found |= dict(zip(rows, _objects(masks), strict=True))
        return [found[row] for row in range(len(banks))]

    def given(self, frame: MemoryFrame, mask: Bool[np.ndarray, "height width"]) -> ObjectInFrame:
        """Return the object of a mask that was given; without a pixel it is absent."""
        square = frame.square_mask(mask)
        [logits] = frame.logits_of_mask(square)
        is_there = bool(square.any())
        score = torch.tensor(_GIVEN_SCORE if is_there else -_GIVEN_SCORE)
        pointer = self.pointer_of(frame, square) if is_there else self.absent_pointer()
        return ObjectInFrame(logits, logits, score, pointer, torch.empty(0))

    def pointer_of(self, frame: MemoryFrame, square: Float[Tensor, "1 side side"]) -> Float[Tensor, "channel"]:
        """Return the object pointer of a mask that was given in the model's square."""
        return self.engine.point_at_masks(frame.encoded, square, self.source)[0]

    def absent_pointer(self) -> Float[Tensor, "channel"]:
        """Return the pointer of an object that is not in a frame."""
        return self.engine.absent_pointer()

    def remembered(
        self, frame: MemoryFrame, objects: Sequence[ObjectInFrame], as_prompted: bool
    ) -> list[ObjectInFrame]:
        """Return objects with their maps."""
        made: list[ObjectInFrame] = []
        for some in (objects[start : start + _OBJECTS_AT_ONCE] for start in range(0, len(objects), _OBJECTS_AT_ONCE)):
            logits = torch.stack([one.memory_logits for one in some])
            scores = torch.stack([one.object_score for one in some])
            prompted = torch.full((len(some),), as_prompted)
            maps = self.engine.remember(frame.encoded, logits, scores, prompted).cpu()
            made += [replace(one, map=each.clone()) for one, each in zip(some, maps, strict=True)]
        return made

    def _decode(self, image: Any, prompts: PromptBatch, ambiguous: bool) -> ObjectMasks:
        return self.engine.decode_objects(image, prompts, self.source, self.memory_source, ambiguous)


def _objects(masks: ObjectMasks) -> list[ObjectInFrame]:
    logits, memory_logits, _, iou, scores, pointers = (part.clone() for part in masks)  # out of inference mode
    return [ObjectInFrame(*parts) for parts in zip(logits, memory_logits, scores, pointers, iou, strict=True)]


def _alike(banks: Sequence[MemoryBank]) -> list[list[int]]:
    """Return batches of objects that have equally many memories."""
    groups: dict[tuple[int, int], list[int]] = {}
    for row, bank in enumerate(banks):
        groups.setdefault(bank.counts, []).append(row)
    return [
        rows[start : start + _OBJECTS_AT_ONCE]
        for rows in groups.values()
        for start in range(0, len(rows), _OBJECTS_AT_ONCE)
    ]


def _prompt_batch(
    frame: MemoryFrame, prompt: Mapping[str, Any], earlier_logits: Float[Tensor, "h w"] | None
) -> tuple[PromptBatch, int]:
    """Return a prompt in the model's pixels, and its number of points, of which a box has two."""
    prompts = frame.session.check(**prompt)
    points, labels = prompts.in_model()
    clicks = int((labels != PADDING).sum())
    if not labels.size:  # a mask alone
        points, labels = np.zeros((1, 2, 2), np.float32), np.full((1, 2), PADDING)
    mask = None if prompts.mask_logits is None else torch.from_numpy(prompts.mask_logits)[:, None].float()
    if mask is None and earlier_logits is not None:
        mask = earlier_logits[None, None]
    return PromptBatch(torch.from_numpy(points), torch.from_numpy(labels), mask), clicks
