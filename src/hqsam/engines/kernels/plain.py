"""The kernels in PyTorch: the plain twin of the compiled ones, and what runs where there is no compiler."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from hqsam.engines.attention import CpuAttentionOps
from hqsam.engines.kernels import Bottleneck, Norm
from hqsam.model.config import ModelConfig
from hqsam.model.preprocess import normalise_and_pad


class PlainKernels(CpuAttentionOps):
    """See `Kernels`."""

    def relative_bias_attention(self, channels: int) -> None:
        return None

    def softmax_over_tokens(self, logits: Tensor, offset: Tensor) -> Tensor:
        tokens, heads = offset.shape[1:]
        logits = logits + offset.flatten(1)[..., None].to(logits.dtype)
        return logits.unflatten(1, (tokens, heads)).softmax(dim=1).flatten(1, 2)

    def add_norm(self, added: Tensor, onto: Tensor, positions: Tensor, norm: Norm) -> tuple[Tensor, Tensor]:
        x = self.norm(added.add_(onto), norm)
        return x, x + positions

    def normalise_and_pad(self, images: list[np.ndarray], config: ModelConfig, precision: torch.dtype) -> Tensor:
        return normalise_and_pad(images, config).to(precision, memory_format=torch.channels_last)

    def has_bottleneck(self, channels: int, inner: int) -> bool:
        return False

    def bottleneck(self, x: Tensor, weights: Bottleneck) -> Tensor:
        filters = weights.mix.T.unflatten(1, (1, 3, 3)).to(x.dtype)
        wide = F.gelu(F.linear(x, weights.widen, weights.widen_bias.to(x.dtype))).permute(0, 3, 1, 2)
        mixed = F.gelu(F.conv2d(wide, filters, weights.mix_bias.to(x.dtype), padding=1, groups=len(filters)))
        return F.gelu(x + F.linear(mixed.permute(0, 2, 3, 1), weights.narrow, weights.narrow_bias.to(x.dtype)))

    def norm(self, x: Tensor, norm: Norm) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], *norm.to(x.dtype), norm.eps)

    def quantise(self, x: Tensor) -> tuple[Tensor, Tensor]:
        rows = x.flatten(0, -2).float()
        steps = rows.abs().amax(dim=1).clamp_min(127e-30) / 127
        return (rows / steps[:, None]).round_().add_(128).to(torch.uint8), steps

    def dequantise(self, x: Tensor, steps: Tensor, bias: Tensor, gelu: bool) -> Tensor:
        scaled = x.float() * steps[:, None] + bias
        return (F.gelu(scaled) if gelu else scaled).to(x.dtype)

    def norm_gelu(self, x: Tensor, norm: Norm) -> Tensor:
        return F.gelu(self.norm(x, norm))

    def upscaled_masks(
        self, x: Tensor, size_hw: tuple[int, int], filters: Tensor, image: bool
    ) -> tuple[Tensor, Tensor | None]:
        x = F.gelu(x).view(16 * len(x), -1)
        height, width = (4 * size for size in size_hw)
        nested = (filters.to(x.dtype) @ x.T).float().view(len(filters), *size_hw, 2, 2, 2, 2)
        logits = nested.permute(0, 1, 3, 5, 2, 4, 6).reshape(len(filters), height, width)
        if not image:
            return logits, None
        nested = x.view(*size_hw, 2, 2, 2, 2, -1).permute(0, 2, 4, 1, 3, 5, 6)
        return logits, nested.reshape(1, height, width, -1).permute(0, 3, 1, 2)

    def apply_filter(self, rows: Tensor, filters: Tensor) -> Tensor:
        return (rows @ filters.to(rows.dtype)).float()

    def norm_gelu_conv3x3(self, wide: Tensor, norm: Norm, taps: Tensor, onto: Tensor) -> None:
        rows = self.norm_gelu(wide.permute(0, 2, 3, 1).flatten(0, 2), norm)
        products = (taps.flatten(1).T.to(rows.dtype) @ rows.T).float().view(3, 3, *onto.shape)
        onto += _sum_of_shifted(products)


def _sum_of_shifted(taps: Tensor) -> Tensor:
    """What a 3x3 convolution does with each tap's product: shift it to its centre and add, zeros outside."""
    height, width = taps.shape[-2:]
    total = taps.new_zeros(height + 2, width + 2)
    for y in range(3):
        for x in range(3):
            total[2 - y : 2 - y + height, 2 - x : 2 - x + width] += taps[y, x]
    return total[1:-1, 1:-1]
