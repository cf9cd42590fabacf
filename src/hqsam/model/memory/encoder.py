"""The memory encoder: a frame's features and the mask of an object in it become a map that is remembered."""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from hqsam.model.layers import ChannelNorm, ConvBlock
from hqsam.model.memory.config import MemoryConfig

_MASK_WIDTHS = (1, 4, 16, 64, 256)
"""Channels of a mask while its side is halved four times."""


class MemoryEncoder(nn.Module):
    """Adds a shrunken mask to the features of its frame, and mixes them by a few convolution blocks."""

    def __init__(self, config: MemoryConfig, width: int) -> None:
        super().__init__()
        halvings: list[nn.Module] = []
        for before, after in pairwise(_MASK_WIDTHS):
            halvings += [nn.Conv2d(before, after, 3, stride=2, padding=1), ChannelNorm(after), nn.GELU()]
        self.shrink_mask = nn.Sequential(*halvings, nn.Conv2d(_MASK_WIDTHS[-1], width, 1))
        self.from_features = nn.Conv2d(width, width, 1)
        self.mix = nn.Sequential(
            *(ConvBlock(width, side=7, expand=4, scaled=True) for _ in range(config.encoder_depth))
        )
        self.out = nn.Conv2d(width, config.width, 1)

    def forward(
        self,
        features: Float[Tensor, "object_or_1 channel height width"],
        masks: Float[Tensor, "object 1 mask_height mask_width"],
    ) -> Float[Tensor, "object memory_channel height width"]:
        """Return a map for each object.

        Args:
            features: of the frame alone; one row serves all objects.
            masks: 16 times as large as the features, from -10 outside the object to 10 inside it.
        """
        return self.out(self.mix(self.from_features(features) + self.shrink_mask(masks)))
