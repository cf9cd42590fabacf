"""Sizes of SAM 2's image encoders."""

from dataclasses import dataclass

from hqsam.model.encoders.family import Outline


@dataclass(frozen=True, kw_only=True)
class HieraConfig:
    """A Hiera (Ryali et al., 2023) of four stages with strides 4 to 32, each twice as wide as the one before."""

    width: int
    """Channels of the first stage."""
    heads: int
    """Attention heads of the first stage; they double with the width."""
    depths: tuple[int, int, int, int]
    """Blocks of each stage."""
    global_blocks: tuple[int, ...]
    """Blocks that see the whole image, counted from 0 over all stages."""
    windows: tuple[int, int, int, int] = (8, 4, 14, 7)
    """Side of each stage's attention windows, in tokens."""
    position_size: int = 7
    """Side of the learned map of positions, which is enlarged to the image."""
    mlp_ratio: int = 4

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each stage."""
        return tuple(self.width << stage for stage in range(4))

    @property
    def stride(self) -> int:
        return 16

    @property
    def early_stride(self) -> int:
        return 4

    @property
    def early_width(self) -> int:
        return self.width

    @property
    def has_skips(self) -> bool:
        return True

    @property
    def outline(self) -> Outline:
        return self.widths, self.depths


HIERAS = {
    "hiera_t": HieraConfig(width=96, heads=1, depths=(1, 2, 7, 2), global_blocks=(5, 7, 9)),
    "hiera_s": HieraConfig(width=96, heads=1, depths=(1, 2, 11, 2), global_blocks=(7, 10, 13)),
    "hiera_b+": HieraConfig(
        width=112, heads=2, depths=(2, 3, 16, 3), global_blocks=(12, 16, 20), position_size=14
    ),
    "hiera_l": HieraConfig(
        width=144, heads=2, depths=(2, 6, 36, 4), global_blocks=(23, 33, 43), windows=(8, 4, 16, 8)
    ),
}  # fmt: skip
