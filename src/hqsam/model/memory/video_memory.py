"""The memory of a video as a whole: objects are remembered in a frame, and recalled in later ones."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from hqsam.model.layers import Mlp
from hqsam.model.memory.attention import MemoryAttention
from hqsam.model.memory.bank import MemoryBank
from hqsam.model.memory.config import MemoryConfig
from hqsam.model.memory.encoder import MemoryEncoder
from hqsam.model.memory.positions import sine_positions, sine_times

ABSENT = -1024.0
"""Logits of the mask of an object that is not in the frame."""
_SCALE, _SHIFT = 20.0, -10.0
"""A mask from 0 to 1 is remembered as -10 to 10."""


class VideoMemory(nn.Module):
    """SAM 2's modules for videos, beside those that it segments images with."""

    def __init__(self, config: MemoryConfig, width: int) -> None:
        super().__init__()
        self.config, self.width = config, width
        self.encoder = MemoryEncoder(config, width)
        self.attention = MemoryAttention(config, width)
        self.map_times = nn.Parameter(torch.zeros(config.frames, 1, 1, config.width))
        self.absent_map = nn.Parameter(torch.zeros(1, config.width)) if config.absent_object_map else None
        """Added to the map of a frame without the object."""
        self.to_pointer = Mlp([width, width, width, width])
        self.absent_pointer = nn.Parameter(torch.zeros(1, width))
        """The pointer of a frame without the object."""
        self.pointer_times = nn.Linear(width, config.width) if config.pointer_times else None
        self.mask_to_prompt = nn.Conv2d(1, 1, 4, stride=4)
        """Makes a mask prompt of a mask that was given, for the pointer of it."""
        self.unused_positions = nn.Parameter(torch.zeros(1, 1, width))
        """Files have it, and their own code never uses it, either."""

    def recall(
        self, features: Float[Tensor, "object_or_1 channel height width"], bank: MemoryBank
    ) -> Float[Tensor, "object channel height width"]:
        """Return the features of a frame as its image embedding for each object, with what is remembered of it.

        Args:
            features: of the frame alone, without `no_memory`.
            bank: the memories of the objects.
        """
        maps = bank.maps.to(features.dtype).flatten(3).mT
        memory = torch.cat([maps.flatten(1, 2), self._tokens(bank.pointers.to(features.dtype))], dim=1)
        places = sine_positions(self.config.width, (bank.maps.shape[-2], bank.maps.shape[-1]), features.device)
        times = self.map_times[bank.map_times, 0]
        of_pointers = self._pointer_positions(bank.pointer_times)
        positions = torch.cat([(places.to(times.dtype) + times).flatten(1, 2), of_pointers], dim=1)
        return self.attention(features, memory, positions.to(features.dtype), of_pointers.shape[1])

    def remember(
        self,
        features: Float[Tensor, "object_or_1 channel height width"],
        logits: Float[Tensor, "object mask_height mask_width"],
        object_scores: Float[Tensor, "object"],
        as_prompted: Bool[Tensor, "object"],
    ) -> Float[Tensor, "object memory_channel height width"]:
        """Return the map that is remembered of each object in a frame, in bfloat16, as SAM 2 keeps it.

        Args:
            features: of the frame alone, without `no_memory`.
            logits: the object's mask.
            object_scores: above 0 where the object is in the frame.
            as_prompted: True for masks of prompts, which are remembered as yes or no, False for those of following,
                which are remembered as shares.
        """
        size = 16 * features.shape[-2], 16 * features.shape[-1]
        large = F.interpolate(logits[:, None].float(), size, mode="bilinear", align_corners=False)
        masks = torch.where(as_prompted[:, None, None, None], (large > 0).float(), large.sigmoid())
        maps = self.encoder(features, (masks * _SCALE + _SHIFT).to(features.dtype))
        if self.absent_map is not None:
            is_absent = (object_scores <= 0).to(maps.dtype)[:, None, None, None]
            maps = maps + is_absent * self.absent_map[..., None, None]
        return maps.bfloat16()

    def pointers(
        self, tokens: Float[Tensor, "object channel"], object_scores: Float[Tensor, "object"]
    ) -> Float[Tensor, "object channel"]:
        """Return object pointers, made of the decoder's tokens of the masks that were chosen."""
        found = self.to_pointer(tokens.to(self.absent_pointer.dtype))
        return torch.where((object_scores > 0)[:, None], found, self.absent_pointer)

    def _tokens(
        self, pointers: Float[Tensor, "object pointer channel"]
    ) -> Float[Tensor, "object token memory_channel"]:
        """Cut each pointer into tokens of a memory's width."""
        return pointers.unflatten(2, (-1, self.config.width)).flatten(1, 2)

    def _pointer_positions(self, times: Float[Tensor, "object pointer"]) -> Float[Tensor, "object token _"]:
        pieces = self.width // self.config.width
        if self.pointer_times is None:
            return self.map_times.new_zeros(len(times), times.shape[1] * pieces, self.config.width)
        codes = self.pointer_times(sine_times(times, self.width).to(self.pointer_times.weight.dtype))
        return codes.repeat_interleave(pieces, dim=1)
