"""TinyViT for inference: bottlenecks and attention in one pass each, and biases that are looked up once."""

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hqsam.engines.fused.conv import FusedConv
from hqsam.engines.kernels import Bottleneck, Kernels
from hqsam.model.attention_ops import AttentionLayout
from hqsam.model.encoders.tiny_vit.encoder import BiasedAttention, ConvBlock, TinyVit, WindowBlock
from hqsam.model.layers import ConvNorm


@torch.no_grad()
def fuse_tiny_vit(encoder: nn.Module, image_size: int, kernels: Kernels | None) -> None:
    """Replace the blocks of a TinyViT in place by their fused twins, before its weights are cast.

    Args:
        encoder: the network, in float32; later layers are fused as everywhere.
        image_size: the largest side of the images that it will see.
        kernels: what computes bottlenecks and attention; None: PyTorch, on any device.
    """
    assert isinstance(encoder, TinyVit)
    grid = image_size // 4
    for stage, merge in zip(encoder.stages, (*encoder.merge_strides, 1), strict=True):
        for block in stage.modules():
            if isinstance(block, WindowBlock):
                block.attention = FusedBiasedAttention(block.attention, grid, kernels)
        grid //= merge
    bottlenecks = cast("nn.Module", encoder.stages[0]).blocks
    assert isinstance(bottlenecks, nn.Sequential)
    for name, block in list(bottlenecks.named_children()):
        setattr(bottlenecks, name, _fused_bottleneck(block, kernels))


class FusedBiasedAttention(BiasedAttention):
    """`BiasedAttention` by a kernel in one step; or else with its biases looked up for windows of up to a size.

    The biases are looked up once and kept in a buffer, cast with the weights: at each use it took a sixth of the time
    of `nano`.
    """

    def __init__(self, plain: BiasedAttention, grid: int, kernels: Kernels | None) -> None:
        nn.Module.__init__(self)
        self.heads, self.window, self.ops = plain.heads, plain.window, plain.ops
        self.biased, self.even_windows = plain.biased, plain.even_windows
        self.norm, self.qkv, self.out, self.bias = plain.norm, plain.qkv, plain.out, plain.bias
        channels = self.out.in_features // self.heads
        self.kernel = None if kernels is None else kernels.relative_bias_attention(channels)
        side = min(self.window, grid)
        looked_up = plain.biases((side, side)) if self.biased and self.kernel is None else None
        self.register_buffer("looked_up", None if looked_up is None else _unflatten(looked_up, side), persistent=False)
        self.looked_up: Tensor | None

    def attend(self, qkv: Tensor, padding: Tensor | None, layout: AttentionLayout) -> Tensor:
        if self.kernel is None:
            return super().attend(qkv, padding, layout)
        table = self.bias.unflatten(1, (self.window, self.window)) if self.biased else None
        return self.kernel(qkv, padding, layout, table)

    def biases(self, window_hw: tuple[int, int]) -> Float[Tensor, "head token token"]:
        height, width = window_hw
        if self.looked_up is None or max(window_hw) > self.looked_up.shape[1]:
            return super().biases(window_hw)
        return self.looked_up[:, :height, :width, :height, :width].flatten(3, 4).flatten(1, 2)


def _unflatten(biases: Float[Tensor, "head token token"], side: int) -> Float[Tensor, "head row column row column"]:
    return biases.unflatten(2, (side, side)).unflatten(1, (side, side))


def _fused_bottleneck(block: nn.Module, kernels: Kernels | None) -> nn.Module:
    """Return a `ConvBlock` for inference: by a kernel, or with norms and GELU inside its convolutions."""
    assert isinstance(block, ConvBlock)
    assert isinstance(block.widen, ConvNorm) and isinstance(block.mix, ConvNorm)
    widen, mix = FusedConv(block.widen, gelu=True), FusedConv(block.mix, gelu=True)
    inner, channels = widen.weight.shape[:2]
    if kernels and kernels.has_bottleneck(channels, inner):
        return FusedBottleneck(widen, mix, FusedConv(block.narrow, gelu=False), kernels)
    block.widen, block.mix, block.activation = widen, mix, nn.Identity()
    return block


class FusedBottleneck(nn.Module):
    """`ConvBlock` in one pass: its inner channels, the widest of the model, never reach memory."""

    def __init__(self, widen: FusedConv, mix: FusedConv, narrow: FusedConv, kernels: Kernels) -> None:
        super().__init__()
        self.kernels = kernels
        self.widen = nn.Parameter(widen.weight.flatten(1), requires_grad=False)
        self.narrow = nn.Parameter(narrow.weight.flatten(1), requires_grad=False)
        self.mix = mix.weight.flatten(1).T.float().contiguous()
        self.biases = tuple(conv.bias.detach().float() for conv in (widen, mix, narrow))

    def forward(self, x: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch channel height width"]:
        weights = Bottleneck(self.widen, self.mix, self.narrow, *self.biases)
        return self.kernels.bottleneck(x.permute(0, 2, 3, 1).contiguous(), weights).permute(0, 3, 1, 2)
