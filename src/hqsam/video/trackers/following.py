"""Following by any image model: the last mask, moved by optical flow, is the prompt for the next frame.

The model answers with candidates for the moved mask and for the box around it; the one that agrees best with the moved
mask is taken, and averaged with it, because the model sees the edge and flow remembers which object is meant. Where no
candidate agrees, the moved mask stays. An object whose colours are no longer those of the prompted frame is given up
rather than followed into the background, and looked for around its last place.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float32, UInt8

from hqsam.masks.boxes import box_of_mask
from hqsam.predict.segmenter import Segmenter
from hqsam.predict.session import Session
from hqsam.video.trackers import Answer, Memory
from hqsam.video.trackers.appearance import colours_of, similarity, surroundings
from hqsam.video.trackers.object_search import SearchArea, find_again
from hqsam.video.trackers.optical_flow import flow_between, moved

_WORK_SIDE = 960
"""Longer side at which masks are moved and averaged."""
_TRUST = 0.5
"""Weight of the moved mask in the average."""
_AGREES = 0.3
"""Least IoU with the moved mask of a candidate that is taken."""
_LOST_AT = 0.25
"""Place, between the colours' similarity to the surroundings (0) and to the object (1), below which it is lost."""
_MARGIN = 0.05
"""Share of a moved mask's box that is added on each side, for what flow missed."""
_LESS = 0.98
"""Share of its usual area that an object keeps, from frame to frame, while less of it is seen."""
_FEWEST_PIXELS = 12
"""A moved mask of fewer pixels has left the picture."""


@dataclass(frozen=True, eq=False)
class FollowedFrame:
    """A frame as the following tracker keeps it."""

    index: int
    session: Session
    gray: UInt8[np.ndarray, "rows columns"]
    lab: UInt8[np.ndarray, "rows columns 3"]

    @property
    def nbytes(self) -> int:
        """Memory that it takes, in bytes."""
        return self.session.encoded.nbytes + self.gray.nbytes + self.lab.nbytes

    @property
    def work_hw(self) -> tuple[int, int]:
        """Height and width at which masks are moved."""
        return self.gray.shape[0], self.gray.shape[1]

    def shrink(self, mask: Bool[np.ndarray, "height width"]) -> Float32[np.ndarray, "rows columns"]:
        """Return the share of each working pixel that a mask of the frame covers."""
        size = self.work_hw[::-1]
        return cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)

    def enlarge(self, soft: Float32[np.ndarray, "rows columns"]) -> Bool[np.ndarray, "height width"]:
        """Return a soft mask as a mask of the frame."""
        size = self.session.image_size_hw[::-1]
        same = self.work_hw[::-1] == size
        return (soft if same else cv2.resize(soft, size, interpolation=cv2.INTER_LINEAR)) > 0.5


class FollowingTracker:
    """Follows by the last mask as prompt, with any model that segments images."""

    name = "following"
    reach = 1
    recalls = False

    def __init__(self, segmenter: Segmenter, source: str | None = None) -> None:
        self._segmenter, self._source = segmenter, source
        self.about = (
            f"{segmenter.name} has no memory for video: each object is followed by its last mask, moved by optical "
            "flow, as the next prompt, and given up where its colours change"
        )

    def encode(self, pixels: UInt8[np.ndarray, "height width 3"], index: int) -> FollowedFrame:
        """Encode a frame, and keep a small copy of it in gray and in CIELAB."""
        height, width = pixels.shape[:2]
        scale = min(1.0, _WORK_SIDE / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        small = pixels if scale == 1 else cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        gray, lab = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
        return FollowedFrame(index, self._segmenter.open(pixels), gray, lab)

    def answer(
        self,
        frame: FollowedFrame,
        prompt: Mapping[str, Any],
        earlier: Answer | None = None,
        memory: Memory | None = None,
    ) -> Answer:
        """Return the mask for prompts, refined from the earlier mask where clicks correct one."""
        refined = dict(prompt)
        if earlier is not None and earlier.mask.any() and "mask" not in refined and "points" in refined:
            refined["mask"] = earlier.mask
        found = frame.session.segment(**refined, source=self._source)
        return Answer(found.mask(0), float(np.clip(found.scores[0], 0, 1)))

    def given(self, frame: FollowedFrame, mask: Bool[np.ndarray, "height width"]) -> Answer:
        """Return the mask as it is."""
        return Answer(mask, 1.0)

    def remember(
        self, frame: Callable[[], FollowedFrame], index: int, answer: Answer, memory: Memory | None, *, prompted: bool
    ) -> Memory:
        """Return the memory after a known mask; the colours are those of the last prompted frame."""
        return self._remembered(frame(), answer, memory, prompted)

    def before(self, memory: Memory, index: int, reverse: bool) -> Memory | None:
        """Return None: earlier frames are no longer in the memory."""
        return None

    def _remembered(self, frame: FollowedFrame, answer: Answer, memory: Memory | None, prompted: bool) -> Memory:
        soft = frame.shrink(answer.mask)
        if memory is not None and not prompted:
            return _updated(memory, frame, soft if answer.present else None)
        inside = soft > 0.5 if (soft > 0.5).any() else soft > 0
        colours = colours_of(frame.lab, inside)
        floor = similarity(colours, colours_of(frame.lab, surroundings(inside)))
        facts = {"colours": torch.from_numpy(colours), "floor": torch.tensor(floor)}
        return _updated(facts, frame, soft)

    def step(self, frame: FollowedFrame, memories: Sequence[Memory], *, reverse: bool) -> list[tuple[Answer, Memory]]:
        """Follow objects into the next frame; those that were lost are looked for."""
        answers: list[tuple[Answer, Memory]] = [_absent(frame, memory) for memory in memories]
        flows: dict[int, np.ndarray] = {}
        moved_masks: dict[int, np.ndarray] = {}
        for row, memory in enumerate(memories):
            if memory["lost_for"] == 0:
                gray = memory["gray"]
                if gray.data_ptr() not in flows:  # objects that were seen in one frame share it
                    flows[gray.data_ptr()] = flow_between(frame.gray, gray.numpy())
                moved_masks[row] = moved(_as_soft(memory["soft"]), flows[gray.data_ptr()])
        seen = {row: soft for row, soft in moved_masks.items() if (soft > 0.5).sum() >= _FEWEST_PIXELS}
        for row, (soft, agreement) in zip(seen, self._refined(frame, list(seen.values())), strict=True):
            answers[row] = _checked(frame, memories[row], soft, agreement)
        for row, memory in enumerate(memories):
            if memory["lost_for"] > 0:
                answers[row] = _searched(frame, memory, self._source)
        return answers

    def _refined(
        self, frame: FollowedFrame, softs: list[Float32[np.ndarray, "rows columns"]]
    ) -> list[tuple[Float32[np.ndarray, "rows columns"], float]]:
        """Return each moved mask averaged with the candidate that agrees best, and their IoU."""
        if not softs:
            return []
        masks = np.stack([frame.enlarge(soft) for soft in softs])
        known = [row for row, mask in enumerate(masks) if mask.any()]
        best = (
            dict(zip(known, _best_candidates(frame.session, masks[known], self._source), strict=True)) if known else {}
        )
        refined = []
        for row, soft in enumerate(softs):
            mask, agreement = best.get(row, (None, 0.0))
            if mask is not None and agreement >= _AGREES:
                soft = _TRUST * soft + (1 - _TRUST) * frame.shrink(mask)
            refined.append((soft.astype(np.float32), agreement))
        return refined


def _best_candidates(
    session: Session, masks: Bool[np.ndarray, "mask height width"], source: str | None
) -> list[tuple[Bool[np.ndarray, "height width"], float]]:
    """Return for each mask the model's candidate that agrees best with it, and their IoU, measured in small logits."""
    by_mask = session.check(mask=masks)
    boxes = np.stack([_grown_box(mask) for mask in masks])
    wanted = by_mask.mask_logits
    assert wanted is not None
    answers = [
        session.segment_prompts(prompts, candidates=3, source=source)
        for prompts in (by_mask, session.check(mask=masks, boxes=boxes))
    ]
    best = []
    for row, one in enumerate(wanted > 0):
        rows = [(answer, number) for answer in answers for number in np.flatnonzero(answer.prompt_index == row)]
        overlaps = [_iou(answer.logits[number] > 0, one) for answer, number in rows]
        answer, number = rows[int(np.argmax(overlaps))]
        best.append((answer.mask(int(number)), max(overlaps)))
    return best


def _checked(frame: FollowedFrame, memory: Memory, soft: np.ndarray, agreement: float) -> tuple[Answer, Memory]:
    """Return the answer for a followed object, or that it is lost, if its colours are another thing's."""
    mask = frame.enlarge(soft)
    alike = similarity(memory["colours"].numpy(), colours_of(frame.lab, soft > 0.5))
    floor = float(memory["floor"])
    if not mask.any() or alike < floor + _LOST_AT * (1 - floor):
        return _absent(frame, memory)
    return Answer(mask, float(np.clip(max(agreement, _AGREES) * alike, 0, 1))), _updated(memory, frame, soft)


def _searched(frame: FollowedFrame, memory: Memory, source: str | None) -> tuple[Answer, Memory]:
    last = _as_soft(memory["soft"])
    area = SearchArea(frame.enlarge(last), float(memory.get("share", 0.0)), int(memory["lost_for"]))
    found = find_again(frame.session, frame.lab, area, memory["colours"].numpy(), float(memory["floor"]), source)
    if found is None:
        return _absent(frame, memory)
    mask, alike = found
    return Answer(mask, alike), _updated(memory, frame, frame.shrink(mask))


def _absent(frame: FollowedFrame, memory: Memory) -> tuple[Answer, Memory]:
    return Answer(np.zeros(frame.session.image_size_hw, bool), 0.0, False), _updated(memory, frame, None)


def _updated(memory: Memory, frame: FollowedFrame, soft: Float32[np.ndarray, "rows columns"] | None) -> Memory:
    """Return the memory after a frame; a lost object keeps the mask that it was last seen with."""
    if soft is None:
        return {**memory, "lost_for": memory["lost_for"] + 1}
    stored = torch.from_numpy(np.rint(soft * 255).astype(np.uint8))
    # What covers an object is not taken for its getting smaller, unless that lasts.
    share = torch.tensor(float((soft > 0.5).mean())).maximum(_LESS * memory.get("share", torch.tensor(0.0)))
    seen = {"gray": torch.from_numpy(frame.gray), "soft": stored, "share": share, "lost_for": torch.tensor(0)}
    return {**memory, **seen}


def _as_soft(stored: torch.Tensor) -> Float32[np.ndarray, "rows columns"]:
    return stored.numpy().astype(np.float32) / 255


def _grown_box(mask: Bool[np.ndarray, "height width"]) -> np.ndarray:
    x0, y0, x1, y1 = box_of_mask(mask).astype(float)
    dx, dy = _MARGIN * (x1 - x0), _MARGIN * (y1 - y0)
    return np.array([x0 - dx, y0 - dy, x1 + dx, y1 + dy])


def _iou(one: np.ndarray, other: np.ndarray) -> float:
    union = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / union if union else 0.0
