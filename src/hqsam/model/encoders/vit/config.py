"""Sizes of SAM's plain ViTs."""

from dataclasses import dataclass

from hqsam.model.encoders.family import Outline


@dataclass(frozen=True, kw_only=True)
class VitConfig:
    """A plain ViT with windows and decomposed relative positions (Li et al., ViTDet)."""

    width: int
    depth: int
    heads: int
    global_blocks: tuple[int, ...]
    """Blocks that see the whole image. The first feeds the HQ features."""
    patch: int = 16
    window: int = 14
    mlp_ratio: int = 4

    @property
    def stride(self) -> int:
        return self.patch

    @property
    def early_width(self) -> int:
        return self.width

    @property
    def early_stride(self) -> int:
        return self.patch

    @property
    def has_skips(self) -> bool:
        return False

    @property
    def outline(self) -> Outline:
        return (self.width,), (self.depth,)


VITS = {
    "vit_b": VitConfig(width=768, depth=12, heads=12, global_blocks=(2, 5, 8, 11)),
    "vit_l": VitConfig(width=1024, depth=24, heads=16, global_blocks=(5, 11, 17, 23)),
    "vit_h": VitConfig(width=1280, depth=32, heads=16, global_blocks=(7, 15, 23, 31)),
}
