"""The masks of one frame of a video: `Instances` that know their frame and which object each of them is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Int

from hqsam.masks.columns import labels_for
from hqsam.masks.instances import Instances
from hqsam.masks.rle import Rle, encode

Status = Literal["prompted", "tracked", "absent"]
"""The way that a mask was found: by a prompt on this frame, by following the object from another, or not at all."""


@dataclass(frozen=True)
class TrackedMask:
    """The mask of one object in one frame."""

    object_id: int
    frame: int
    rle: Rle
    """COCO's run lengths, in the pixels of the upright frame; without a pixel where the object is absent."""
    score: float
    """Confidence in the mask, 0 to 1."""
    status: Status
    reverse: bool = False
    """True if the object was followed against time."""
    serial: int = 0
    """A number that grows with each mask and each prompt of a video."""


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class TrackedFrame(Instances):
    """The masks of one frame: a row for each object, with an empty mask and a score of 0 where it is absent."""

    @classmethod
    def of(
        cls, index: int, masks: Sequence[TrackedMask], labels: Sequence[str], size_hw: tuple[int, int], image_name: str
    ) -> "TrackedFrame":
        """Make a frame of its masks.

        Args:
            index: the frame's number, from 0.
            masks: the mask of each object.
            labels: the class of each object.
            size_hw: height and width of the frame.
            image_name: the frame's name; files that are written are called after it.
        """
        return cls(
            image_size_hw=size_hw,
            scores=np.array([mask.score for mask in masks], np.float64),
            labels=labels_for(labels, len(masks)),
            prompt_index=np.arange(len(masks)),
            columns={
                "object_id": np.array([mask.object_id for mask in masks], np.int64),
                "status": tuple(mask.status for mask in masks),
            },
            metadata={"frame": index},
            image_name=image_name,
            encoded=tuple(mask.rle for mask in masks),
        )

    @property
    def index(self) -> int:
        """The frame's number in the video, from 0."""
        return self.metadata["frame"]

    @property
    def object_id(self) -> Int[np.ndarray, "mask"]:
        """The number of the object that each mask is of, the same in all frames."""
        return np.asarray(self.columns["object_id"], np.int64)

    @property
    def status(self) -> tuple[Status, ...]:
        """The way that each mask was found: "prompted", "tracked" or "absent"."""
        return tuple(self.columns["status"])

    def __repr__(self) -> str:
        return f"TrackedFrame({self.index}: objects {self.object_id.tolist()}, {', '.join(self.status)})"


def empty_mask(size_hw: tuple[int, int]) -> Rle:
    """Return the run lengths of a mask without a pixel."""
    return encode(np.zeros(size_hw, bool))
