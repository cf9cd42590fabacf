"""The objects of a video: what was prompted for each, and what the tracker remembers of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hqsam.errors import PromptError
from hqsam.video.trackers import Answer, Memory


@dataclass(frozen=True, eq=False)
class PromptedFrame:
    """The prompts of one object on one frame, and the mask that they gave."""

    prompt: Mapping[str, Any]
    """Arguments of `Session.segment`, merged from all calls."""
    answer: Answer
    serial: int
    """The video's count of masks and prompts when the last of them was given."""
    recalled: bool = False
    """True if the object had been followed to this frame, and its memory took part in the answer."""


@dataclass(eq=False)
class VideoObject:
    """One object that is followed. Each object has prompted frames of its own."""

    object_id: int
    label: str
    prompted: dict[int, PromptedFrame] = field(default_factory=dict)
    memory: Memory | None = None
    at: tuple[int, bool] | None = None
    """The last frame that is in the memory, and whether it was reached against time; None: to be built anew."""
    doubted: dict[int, int] = field(default_factory=dict)
    """For frames whose followed masks were found to be of something else, the serial up to which they were."""

    def is_reached(self, index: int, reverse: bool) -> bool:
        """Return True if following from a prompted frame comes to this frame."""
        return any(frame >= index if reverse else frame <= index for frame in self.prompted)

    def is_recalled(self, index: int, status: str) -> bool:
        """Return True if a mask of this frame, or what it was corrected from, was followed."""
        return self.prompted[index].recalled if index in self.prompted else status != "prompted"

    def is_outdated(self, index: int, reverse: bool, serial: int) -> bool:
        """Return True if a mask was made before a prompt that it should follow, or is doubted."""
        return serial <= self.doubted.get(index, -1) or any(
            one.serial > serial and (frame > index if reverse else frame < index)
            for frame, one in self.prompted.items()
        )


def merged_prompt(earlier: Mapping[str, Any] | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the prompt of a frame after another call: clicks are added, a box or mask replaces the earlier one.

    Raises:
        PromptError: clicks and labels do not fit together.
    """
    prompt = {name: value for name, value in given.items() if value is not None}
    if not prompt:
        raise PromptError("the prompt is empty; give points with labels, a box or a mask")
    if "points" in prompt:
        prompt |= _clicks(prompt["points"], prompt.get("labels"))
    elif "labels" in prompt:
        raise PromptError("got labels without points; give points [K, 2] with labels [K]")
    if earlier is None:
        return prompt
    merged = {**earlier, **prompt}
    if "points" in earlier and "points" in prompt:
        for name in ("points", "labels"):
            merged[name] = np.concatenate([earlier[name], prompt[name]])
    return merged


def _clicks(points: Any, labels: Any) -> dict[str, Any]:
    try:
        clicks = np.asarray(points, np.float64)
        kinds = np.ones(len(clicks), np.int64) if labels is None else np.asarray(labels)
    except (TypeError, ValueError) as error:
        raise PromptError(f"points and labels cannot be read as numbers: {error}") from error
    if clicks.ndim != 2 or clicks.shape[1] != 2 or kinds.shape != clicks.shape[:1]:
        raise PromptError(
            f"points have the shape {clicks.shape} and labels {kinds.shape}; expected [K, 2] and [K]: one object at "
            "a time"
        )
    return {"points": clicks, "labels": kinds}
