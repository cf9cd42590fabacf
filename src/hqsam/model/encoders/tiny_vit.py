"""TinyViT: convolutions at stride 4, then three stages of attention in windows."""

from math import ceil

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from hqsam.model.attention import attend
from hqsam.model.attention_ops import PLAIN_OPS, AttentionLayout, AttentionOps, RelativeBiasAttention
from hqsam.model.config import TinyVitConfig
from hqsam.model.features import ImageFeatures
from hqsam.model.fused_conv import FusedConv, fuse_convolutions
from hqsam.model.layers import ConvNorm, Mlp, Neck


class TinyVit(nn.Module):
    """Images of any size to features; the early feature leaves at the stage that the config names."""

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

    def prepare_for_inference(self, image_size: int, ops: AttentionOps = PLAIN_OPS) -> None:
        """Fold what can be folded, for inference at this size and for good: norms, and the looking up of biases."""
        grid = image_size // 4
        for stage, merge in zip(self.stages, (*self.merge_strides, 1), strict=True):
            for module in stage.modules():
                if isinstance(module, BiasedAttention):
                    module.prepare_for_inference(grid, ops)
            grid //= merge
        for block in self.stages[0].modules():
            if isinstance(block, ConvBlock):
                block.prepare_for_inference()
        fuse_convolutions(self)


class Stage(nn.Module):
    """Blocks of one width, then the merging of patches into the next."""

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
        """The stage's output before and after merging."""
        x = self.blocks(x)
        return x, self.merge(x)


def merge_patches(before: int, after: int, stride: int) -> nn.Sequential:
    """Fewer, wider tokens."""
    return nn.Sequential(
        ConvNorm(before, after), nn.GELU(),
        ConvNorm(after, after, 3, stride=stride, groups=after), nn.GELU(),
        ConvNorm(after, after),
    )  # fmt: skip


class ConvBlock(nn.Module):
    """An inverted bottleneck: widen, mix space per channel, narrow, add (MobileNetV2)."""

    def __init__(self, width: int, expand: int) -> None:
        super().__init__()
        inner = expand * width
        self.widen: nn.Module = ConvNorm(width, inner)
        self.mix: nn.Module = ConvNorm(inner, inner, 3, groups=inner)
        self.narrow = ConvNorm(inner, width)
        self.activation = nn.GELU()

    def forward(self, x: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch channel height width"]:
        mixed = self.activation(self.mix(self.activation(self.widen(x))))
        return F.gelu(x + self.narrow(mixed))

    def prepare_for_inference(self) -> None:
        """Fold norms and activations into the convolutions: for inference, and for good."""
        assert isinstance(self.widen, ConvNorm) and isinstance(self.mix, ConvNorm)
        self.widen, self.mix = FusedConv(self.widen, gelu=True), FusedConv(self.mix, gelu=True)
        self.activation = nn.Identity()


class WindowBlock(nn.Module):
    """Attention in windows, a depthwise convolution across their borders, an MLP."""

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
        self.fused_attention: RelativeBiasAttention | None = None
        self.register_buffer("expanded", None, persistent=False)
        self.expanded: Tensor | None

    @torch.no_grad()
    def prepare_for_inference(self, grid: int, ops: AttentionOps) -> None:
        """Choose the ops; where they are several, look the biases up, for windows of grids up to this side.

        Once and for all, in a buffer, so that they are cast with the weights and not at each use: for `nano` that
        took a sixth of the time.
        """
        self.ops, self.fused_attention = ops, ops.relative_bias_attention(self.out.in_features // self.heads)
        if self.biased and self.fused_attention is None:
            side = min(self.window, grid)
            self.expanded = self._looked_up((side, side)).unflatten(2, (side, side)).unflatten(1, (side, side))

    def forward(self, x: Float[Tensor, "batch height width channel"]) -> Float[Tensor, "batch height width channel"]:
        size_hw = (x.shape[1], x.shape[2])
        layout = AttentionLayout(self.heads, qkv_order="by_head", window_hw=self._windows_of(size_hw))
        # The grid is padded with zeros before the norm, as in the official code: of those the norm leaves its bias.
        padding = None if layout.fit(size_hw) else self.qkv(self.norm.bias[None])[0]
        qkv = self.qkv(self.norm(x))
        if self.fused_attention:
            return self.out(self.fused_attention(qkv, padding, layout, self._table() if self.biased else None))
        query, key, value = self.ops.split_heads(qkv, padding, layout)
        bias = self._bias_for(layout.window_hw).to(query.dtype) if self.biased else None
        return self.out(self.ops.merge_heads(attend(query, key, value, bias, self.ops), layout, size_hw))

    def _windows_of(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        if self.even_windows:
            height, width = (ceil(size / ceil(size / self.window)) for size in size_hw)
            return height, width
        side = min(self.window, max(size_hw))
        return side, side

    def _table(self) -> Float[Tensor, "head rows_apart columns_apart"]:
        return self.bias.unflatten(1, (self.window, self.window))

    def _bias_for(self, window_hw: tuple[int, int]) -> Float[Tensor, "head token token"]:
        height, width = window_hw
        if self.expanded is None or max(window_hw) > self.expanded.shape[1]:
            return self._looked_up(window_hw)
        return self.expanded[:, :height, :width, :height, :width].flatten(3, 4).flatten(1, 2)

    def _looked_up(self, window_hw: tuple[int, int]) -> Float[Tensor, "head token token"]:
        return self.bias[:, absolute_distances(window_hw, self.window, self.bias.device)]


def absolute_distances(window_hw: tuple[int, int], reach: int, device: torch.device) -> Int[Tensor, "token token"]:
    """Index into a table of rows apart * reach + columns apart for each pair of a window's tokens."""
    rows, columns = (torch.arange(size, device=device) for size in window_hw)
    rows_apart, columns_apart = ((at[:, None] - at[None, :]).abs() for at in (rows, columns))
    apart = rows_apart[:, None, :, None] * reach + columns_apart[None, :, None, :]
    return apart.flatten(2, 3).flatten(0, 1)
