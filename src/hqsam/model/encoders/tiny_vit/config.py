"""Sizes of TinyViT."""

from dataclasses import dataclass

from hqsam.model.encoders.family import Outline


@dataclass(frozen=True, kw_only=True)
class TinyVitConfig:
    """TinyViT (Wu et al., 2022): convolutions at stride 4, then three stages of windowed attention."""

    widths: tuple[int, int, int, int] = (64, 128, 160, 320)
    depths: tuple[int, int, int, int] = (2, 2, 6, 2)
    heads: tuple[int, int, int, int] = (2, 4, 5, 10)
    windows: tuple[int, int, int, int] = (7, 7, 14, 7)
    """Side of the attention windows per stage, in tokens. A grid smaller than its window is one window."""
    even_windows: bool = False
    """Share a grid out evenly among as few windows as it needs, instead of whole ones that stick out of it."""
    merge_strides: tuple[int, int, int] = (2, 2, 1)
    """The factor by which each patch merging shrinks the grid."""
    attention_biases: bool = True
    """Add the learned biases to attention. See `OFFICIAL_TINY_VIT` for the models that are run without."""
    expand: int = 4
    mlp_ratio: int = 4
    early_stage: int = 1
    """The stage whose output feeds the HQ features."""
    early_after_merging: bool = True
    """Take that output after its patch merging, as HQ-SAM's tiny model does, or before it, where detail is finer."""

    @property
    def stride(self) -> int:
        return 4 * self.merge_strides[0] * self.merge_strides[1] * self.merge_strides[2]

    @property
    def early_width(self) -> int:
        return self.widths[self.early_stage + self.early_after_merging]

    @property
    def early_stride(self) -> int:
        stride = 4
        for merge in self.merge_strides[: self.early_stage + self.early_after_merging]:
            stride *= merge
        return stride

    @property
    def has_skips(self) -> bool:
        return False

    @property
    def outline(self) -> Outline:
        return self.widths, self.depths


OFFICIAL_TINY_VIT = TinyVitConfig(attention_biases=False)
"""TinyViT as the official builders leave it: without the biases that it was trained with.

Its attention copies the biases when it is put into evaluation mode, and the builders do that before they load the
weights, so the copies stay zero until the caller calls `eval()` once more. The authors advise to (SysCV/sam-hq#44).
What the builders return is what we are held to, so these rows follow them; the drop-in classes of
`integrations.segment_anything` use the biases from the caller's `eval()` on, as the official ones do.
"""
