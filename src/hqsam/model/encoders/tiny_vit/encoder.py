"""TinyViT: convolutions at stride 4, then three stages of attention in windows."""

from math import ceil

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from hqsam.model.attention_ops import PLAIN_OPS, AttentionLayout, AttentionOps
from hqsam.model.encoders.family import ImageEncoder
from hqsam.model.encoders.tiny_vit.config import TinyVitConfig
from hqsam.model.features import ImageFeatures
from hqsam.model.layers import ConvNorm, Mlp, Neck


class TinyVit(ImageEncoder):
    """TinyViT for images of any size; the stage named in the config gives the early features."""

    def __init__(self, config: TinyVitConfig, out_channels: int) -> None:
        super().__init__()
        self.early_stage, self.early_after_merging = config.early_stage, config.early_after_merging
        self.merge_strides = config.merge_strides
        width = config.widths[0]
        self.stem = nn.Sequential(
            ConvNorm(3, width // 2, 3, stride=2), nn.GELU(), ConvNorm(width // 2, width, 3, stride=2)
        )
        self.stages = nn.ModuleList(Stage(config, index) for index in range(4))
        self.neck = Neck(config.widths[-1], out_channels)

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> ImageFeatures:
        x = self.stem(images)
        early = x
        for index, stage in enumerate(self.stages):
            before_merging, x = stage(x)
            if index == self.early_stage:
                early = x if self.early_after_merging else before_merging
        return ImageFeatures(final=self.neck(x), early=early)


class Stage(nn.Module):
    """Blocks of one width, and the merging of patches into the next stage."""

    def __init__(self, config: TinyVitConfig, index: int) -> None:
        super().__init__()
        width = config.widths[index]
        if index == 0:
            blocks = [ConvBlock(width, config.expand) for _ in range(config.depths[0])]
        else:
            blocks = [WindowBlock(config, index) for _ in range(config.depths[index])]
        self.blocks = nn.Sequential(*blocks)
        last = index == len(config.widths) - 1
        self.merge = (
            nn.Identity() if last else merge_patches(width, config.widths[index + 1], config.merge_strides[index])
        )

    def forward(self, x: Float[Tensor, "batch channel height width"]) -> tuple[Tensor, Tensor]:
        """Return the stage's output before and after merging."""
        x = self.blocks(x)
        return x, self.merge(x)


def merge_patches(before: int, after: int, stride: int) -> nn.Sequential:
    """Return layers that merge patches into fewer, wider tokens."""
    return nn.Sequential(
        ConvNorm(before, after), nn.GELU(),
        ConvNorm(after, after, 3, stride=stride, groups=after), nn.GELU(),
        ConvNorm(after, after),
    )  # fmt: skip


class ConvBlock(nn.Module):
    """An inverted bottleneck: widen, filter each channel, narrow, add (MobileNetV2)."""

    def __init__(self, width: int, expand: int) -> None:
        super().__init__()
        inner = expand * width
        self.widen: nn.Module = ConvNorm(width, inner)
        self.mix: nn.Module = ConvNorm(inner, inner, 3, groups=inner)
        self.narrow = ConvNorm(inner, width)
        self.activation: nn.Module = nn.GELU()

    def forward(self, x: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch channel height width"]:
        mixed = self.activation(self.mix(self.activation(self.widen(x))))
        return F.gelu(x + self.narrow(mixed))


class WindowBlock(nn.Module):
    """Attention in windows, a depthwise convolution across their borders, and an MLP."""

    def __init__(self, config: TinyVitConfig, stage: int) -> None:
        super().__init__()
        width = config.widths[stage]
        self.attention = BiasedAttention(width, config.heads[stage], config.windows[stage], config)
        self.local = ConvNorm(width, width, 3, groups=width)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = Mlp([width, config.mlp_ratio * width, width], nn.GELU)

    def forward(self, x: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch channel height width"]:
        x = x + self.attention(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        x = self.local(x).permute(0, 2, 3, 1)
        return (x + self.mlp(self.mlp_norm(x))).permute(0, 3, 1, 2)


class BiasedAttention(nn.Module):
    """Multi-head attention within windows, with one learned bias per head and distance."""

    def __init__(self, width: int, heads: int, window: int, config: TinyVitConfig) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.biased, self.even_windows = config.attention_biases, config.even_windows
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        """Per head: query, key, value."""
        self.out = nn.Linear(width, width)
        self.bias = nn.Parameter(torch.zeros(heads, window * window))
        """Row by absolute distance: rows apart * window + columns apart."""
        self.ops: AttentionOps = PLAIN_OPS

    def forward(self, x: Float[Tensor, "batch height width channel"]) -> Float[Tensor, "batch height width channel"]:
        size_hw = (x.shape[1], x.shape[2])
        layout = AttentionLayout(self.heads, qkv_order="by_head", window_hw=self._window_hw(size_hw))
        # The grid is padded with zeros before the norm, as in the official code: of those the norm leaves its bias.
        padding = None if layout.fits(size_hw) else self.qkv(self.norm.bias[None])[0]
        return self.out(self.attend(self.qkv(self.norm(x)), padding, layout))

    def attend(
        self,
        qkv: Float[Tensor, "image height width three_heads_channel"],
        padding: Float[Tensor, "three_heads_channel"] | None,
        layout: AttentionLayout,
    ) -> Float[Tensor, "image height width head_channel"]:
        """Attend in windows; `padding` as for `AttentionOps.split_heads`."""
        query, key, value = self.ops.split_heads(qkv, padding, layout)
        bias = self.biases(layout.window_hw).to(query.dtype) if self.biased else None
        return self.ops.merge_heads(self.ops.attend(query, key, value, bias), layout, (qkv.shape[1], qkv.shape[2]))

    def biases(self, window_hw: tuple[int, int]) -> Float[Tensor, "head token token"]:
        """Look up the bias of each pair of a window's tokens."""
        return self.bias[:, absolute_distances(window_hw, self.window, self.bias.device)]

    def _window_hw(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        if self.even_windows:
            height, width = (ceil(size / ceil(size / self.window)) for size in size_hw)
            return height, width
        side = min(self.window, max(size_hw))
        return side, side


def absolute_distances(window_hw: tuple[int, int], reach: int, device: torch.device) -> Int[Tensor, "token token"]:
    """Return the index into a table of rows apart * reach + columns apart for each pair of a window's tokens."""
    rows, columns = (torch.arange(size, device=device) for size in window_hw)
    rows_apart, columns_apart = ((at[:, None] - at[None, :]).abs() for at in (rows, columns))
    apart = rows_apart[:, None, :, None] * reach + columns_apart[None, :, None, :]
    return apart.flatten(2, 3).flatten(0, 1)
