"""One object in one frame: its mask, and what is remembered of it."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import BFloat16, Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class ObjectInFrame:
    """An object as the model saw it in a frame; tensors are on the CPU."""

    logits: Float[Tensor, "h w"]
    """Its mask, -1024 everywhere where it is absent."""
    memory_logits: Float[Tensor, "h w"]
    """The mask that is remembered, which may have another source."""
    object_score: Float[Tensor, ""]
    """Above 0 if it is in the frame."""
    pointer: Float[Tensor, "channel"]
    """Its object pointer."""
    iou_predictions: Float[Tensor, "candidate"]
    """Predicted IoU of each mask that it was chosen from; none for a mask that was given."""
    map: BFloat16[Tensor, "memory_channel map_height map_width"] | None = None
    """Its map by the memory encoder, once that was made."""

    @property
    def is_present(self) -> bool:
        """True if it is in the frame."""
        return bool(self.object_score > 0)

    @property
    def score(self) -> float:
        """Confidence in the mask, 0 to 1."""
        return float(self.iou_predictions.max().clamp(0, 1)) if len(self.iou_predictions) else 1.0

    def to_tensors(self) -> dict[str, Tensor]:
        """Return the tensors by name; `from_tensors` is the way back. With a map, `memory_logits` are not needed."""
        last = "memory_logits" if self.map is None else "map"
        return {name: getattr(self, name) for name in ("logits", "object_score", "pointer", "iou_predictions", last)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> "ObjectInFrame | None":
        """Rebuild it from `to_tensors`; None if the tensors are not of one."""
        return cls(**{"memory_logits": tensors["logits"], **tensors}) if "pointer" in tensors else None


def stack_logits(objects: list[ObjectInFrame]) -> Float[Tensor, "object h w"]:
    """Return the masks of some objects."""
    return torch.stack([one.logits for one in objects])
