"""What a frame is shown of the frames before it."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor


class MemoryBank(NamedTuple):
    """The memories of some objects that have equally many of them."""

    maps: Float[Tensor, "object map channel height width"]
    """Maps of the memory encoder."""
    map_times: Int[Tensor, "object map"]
    """The learned vector of each map: 0 for the frame before, 1 for the one before that, the last for prompted ones."""
    pointers: Float[Tensor, "object pointer pointer_channel"]
    """Object pointers: the decoder's tokens of the object's masks."""
    pointer_times: Float[Tensor, "object pointer"]
    """How long ago each was, as a share of the longest time that is looked back."""

    @property
    def counts(self) -> tuple[int, int]:
        """Maps and pointers for each object; banks of the same counts can be joined."""
        return self.maps.shape[1], self.pointers.shape[1]

    @classmethod
    def join(cls, banks: Sequence["MemoryBank"]) -> "MemoryBank":
        """Join the banks of several objects, in order."""
        return cls(*(torch.cat(parts) for parts in zip(*banks, strict=True)))

    def to(self, device: torch.device) -> "MemoryBank":
        """Copy to a device."""
        return MemoryBank(*(part.to(device) for part in self))
