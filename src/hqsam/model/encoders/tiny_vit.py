"""TinyViT: convolutions at stride 4, then three stages of attention in windows."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from hqsam.model.attention import attend
from hqsam.model.config import TinyVitConfig
from hqsam.model.features import ImageFeatures
from hqsam.model.fused_conv import FusedConv, fuse_convolutions
from hqsam.model.heads import PLAIN, AttentionSteps, Heads
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

    def settle(self, image_size: int, steps: AttentionSteps = PLAIN) -> None:
        """Fold what can be folded, for inference at this size and for good: norms, and the looking up of biases."""
        grid = image_size // 4
        for stage, merge in zip(self.stages, (*self.merge_strides, 1), strict=True):
            for module in stage.modules():
                if isinstance(module, BiasedAttention):
                    module.expand(grid)
                    module.steps = steps
            grid //= merge
        for block in self.stages[0].modules():
            if isinstance(block, ConvBlock):
                block.settle()
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

    def settle(self) -> None:
        """Fold norms and activations into the convolutions: for inference, and for good."""
        assert isinstance(self.widen, ConvNorm) and isinstance(self.mix, ConvNorm)
        self.widen, self.mix = FusedConv(self.widen, gelu=True), FusedConv(self.mix, gelu=True)
        self.activation = nn.Identity()


class WindowBlock(nn.Module):
    """Attention in windows, a depthwise convolution across their borders, an MLP."""

    def __init__(self, config: TinyVitConfig, stage: int) -> None:
        super().__init__()
        width = config.widths[stage]
        self.attention = BiasedAttention(width, config.heads[stage], config.windows[stage], config.attention_biases)
        self.local = ConvNorm(width, width, 3, groups=width)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = Mlp([width, config.mlp_ratio * width, width], nn.GELU)

    def forward(self, x: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch channel height width"]:
        x = x + self.attention(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        x = self.local(x).permute(0, 2, 3, 1)
        return (x + self.mlp(self.mlp_norm(x))).permute(0, 3, 1, 2)


class BiasedAttention(nn.Module):
    """Multi-head attention within windows, with one learned bias per head and distance."""

    def __init__(self, width: int, heads: int, window: int, biased: bool) -> None:
        super().__init__()
        self.heads, self.window, self.biased = heads, window, biased
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        """Per head: query, key, value."""
        self.out = nn.Linear(width, width)
        self.bias = nn.Parameter(torch.zeros(heads, window * window))
        """Row by absolute distance: rows apart * window + columns apart."""
        self.steps: AttentionSteps = PLAIN
        self.register_buffer("expanded", None, persistent=False)
        self.expanded: Tensor | None

    @torch.no_grad()
    def expand(self, grid: int) -> None:
        """Look the biases up once and for all, for a grid of this side: for inference, and for good.

        A buffer, so that it is cast with the weights and not at each use: for `nano` that took a sixth of the time.
        """
        self.expanded = self._bias_for(min(self.window, grid)) if self.biased else None

    def forward(self, x: Float[Tensor, "batch height width channel"]) -> Float[Tensor, "batch height width channel"]:
        size_hw = (x.shape[1], x.shape[2])
        side = min(self.window, max(size_hw))
        heads = Heads(self.heads, layout="by_head", window_hw=(side, side))
        # The grid is padded with zeros before the norm, as in the official code: of those the norm leaves its bias.
        padding = None if heads.fit(size_hw) else self.qkv(self.norm.bias[None])[0]
        query, key, value = self.steps.split(self.qkv(self.norm(x)), padding, heads)
        bias = self._bias_for(side).to(query.dtype) if self.biased else None
        attended = attend(query, key, value, bias, self.steps)
        return self.out(self.steps.join(attended, heads, size_hw))

    def _bias_for(self, size: int) -> Float[Tensor, "head token token"]:
        if self.expanded is not None and self.expanded.shape[-1] == size * size:
            return self.expanded
        return self.bias[:, absolute_distances(size, self.window, self.bias.device)]


def absolute_distances(size: int, window: int, device: torch.device) -> Int[Tensor, "token token"]:
    """Index into a window's bias table for each pair of tokens of a size x size grid (size <= window)."""
    position = torch.arange(size, device=device)
    apart = (position[:, None] - position[None, :]).abs()
    return (apart[:, None, :, None] * window + apart[None, :, None, :]).reshape(size * size, size * size)
