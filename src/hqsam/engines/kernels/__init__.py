"""The computations of the tuned model between its matrix products, in PyTorch; `compiled.py` has the same in C++.

What PyTorch computes here is the plain twin of the compiled kernels, and what runs where there is no compiler.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from hqsam.engines.attention import CpuAttentionOps
from hqsam.model.attention_ops import AttentionLayout
from hqsam.model.config import ModelConfig
from hqsam.model.depthwise import PLAIN_DEPTHWISE, DepthwiseOps
from hqsam.model.preprocess import Pixels, normalise_and_pad


class Norm:
    """A LayerNorm's weight and bias in float32, and its epsilon."""

    def __init__(self, weight: Tensor, bias: Tensor, eps: float) -> None:
        self.weight, self.bias, self.eps = weight.float().contiguous(), bias.float().contiguous(), eps

    def to(self, precision: torch.dtype) -> tuple[Tensor, Tensor]:
        """Return weight and bias in a precision."""
        return self.weight.to(precision), self.bias.to(precision)


class Bottleneck(NamedTuple):
    """An inverted bottleneck's weights, norms folded in; biases and the 3x3 filters are float32 in any case."""

    widen: Float[Tensor, "inner channel"]
    mix: Float[Tensor, "nine inner"]
    """A 3x3 filter for each channel, row by row."""
    narrow: Float[Tensor, "channel inner"]
    widen_bias: Float[Tensor, "inner"]
    mix_bias: Float[Tensor, "inner"]
    narrow_bias: Float[Tensor, "channel"]


@runtime_checkable
class RelativeBiasAttention(Protocol):
    """Attention in windows whose logits gain a bias for how many rows and columns query and key lie apart."""

    def __call__(
        self,
        qkv: Float[Tensor, "image height width three_heads_channel"],
        padding: Float[Tensor, "three_heads_channel"] | None,
        layout: AttentionLayout,
        biases: Float[Tensor, "head rows_apart columns_apart"] | None,
    ) -> Float[Tensor, "image height width head_channel"]:
        """Attend, from the projection on; `padding` as for `AttentionOps.split_heads`."""
        ...


class Kernels(CpuAttentionOps):
    """The computations in PyTorch. Each may overwrite its first argument, unless it says otherwise.

    Tensors are contiguous, and in the engine's precision where nothing else is said.
    """

    @property
    def depthwise_ops(self) -> DepthwiseOps:
        """Depthwise convolutions, for modules that take them from outside. All arguments stay as they are."""
        return PLAIN_DEPTHWISE

    def relative_bias_attention(self, channels: int) -> RelativeBiasAttention | None:
        """Return a function for attention in one step with heads of this width; None: other operations do it."""
        return None

    def softmax_over_tokens(
        self, logits: Float[Tensor, "prompt token_head position"], offset: Float[Tensor, "prompt token head"]
    ) -> Float[Tensor, "prompt token_head position"]:
        """Return the softmax over the tokens of each head, after adding the offset (float32)."""
        tokens, heads = offset.shape[1:]
        logits = logits + offset.flatten(1)[..., None].to(logits.dtype)
        return logits.unflatten(1, (tokens, heads)).softmax(dim=1).flatten(1, 2)

    def add_norm(
        self,
        added: Float[Tensor, "prompt position channel"],
        onto: Float[Tensor, "prompt_or_1 position channel"],
        positions: Float[Tensor, "1 position channel"],
        norm: Norm,
    ) -> tuple[Float[Tensor, "prompt position channel"], Float[Tensor, "prompt position channel"]]:
        """Return the LayerNorm of a sum, and the same with the position codes added."""
        x = self.norm(added.add_(onto), norm)
        return x, x + positions

    def normalise_and_pad(
        self, images: Sequence[Pixels], config: ModelConfig, precision: torch.dtype
    ) -> Float[Tensor, "image 3 height width"]:
        """Return resized images as the encoder takes them (`preprocess.normalise_and_pad`), channels last in memory."""
        return normalise_and_pad(images, config).to(precision, memory_format=torch.channels_last)

    def has_bottleneck(self, channels: int, inner: int) -> bool:
        """Return True if `bottleneck` takes these channels, and is faster than convolutions one by one."""
        return False

    def bottleneck(
        self, x: Float[Tensor, "image height width channel"], weights: Bottleneck
    ) -> Float[Tensor, "image height width channel"]:
        """Widen, GELU, 3x3 filter of each channel, GELU, narrow, add `x`, GELU. All arguments stay as they are."""
        filters = weights.mix.T.unflatten(1, (1, 3, 3)).to(x.dtype)
        wide = F.gelu(F.linear(x, weights.widen, weights.widen_bias.to(x.dtype))).permute(0, 3, 1, 2)
        mixed = F.gelu(F.conv2d(wide, filters, weights.mix_bias.to(x.dtype), padding=1, groups=len(filters)))
        return F.gelu(x + F.linear(mixed.permute(0, 2, 3, 1), weights.narrow, weights.narrow_bias.to(x.dtype)))

    def norm(self, x: Float[Tensor, "*rows channel"], norm: Norm) -> Float[Tensor, "*rows channel"]:
        """Return the LayerNorm over the channels. All arguments stay as they are."""
        return F.layer_norm(x, x.shape[-1:], *norm.to(x.dtype), norm.eps)

    def quantise(self, x: Float[Tensor, "*rows channel"]) -> tuple[UInt8[Tensor, "row channel"], Float[Tensor, "row"]]:
        """Return numbers as bytes about 128, and each row's step (float32). All arguments stay as they are."""
        rows = x.flatten(0, -2).float()
        steps = rows.abs().amax(dim=1).clamp_min(127e-30) / 127
        return (rows / steps[:, None]).round_().add_(128).to(torch.uint8), steps

    def dequantise(
        self, x: Float[Tensor, "row channel"], steps: Float[Tensor, "row"], bias: Float[Tensor, "channel"], gelu: bool
    ) -> Float[Tensor, "row channel"]:
        """Return each row times its step, plus the bias (float32); with GELU, if asked for."""
        scaled = x.float() * steps[:, None] + bias
        return (F.gelu(scaled) if gelu else scaled).to(x.dtype)

    def norm_gelu(self, x: Float[Tensor, "*rows channel"], norm: Norm) -> Float[Tensor, "*rows channel"]:
        """Return the GELU of the LayerNorm over the channels."""
        return F.gelu(self.norm(x, norm))

    def upscaled_masks(
        self,
        x: Float[Tensor, "position sixteen_channel"],
        size_hw: tuple[int, int],
        filters: Float[Tensor, "mask channel"],
        image: bool,
    ) -> tuple[Float[Tensor, "mask height width"], Float[Tensor, "1 channel height width"] | None]:
        """Finish two 2x upscalings: GELU, each of a position's 16 pixels put where it belongs, and masks made of them.

        Returns:
            The filters' products with all pixels, in float32; and the pixels as an image, channels last in memory, if
            asked for.
        """
        x = F.gelu(x).view(16 * len(x), -1)
        height, width = (4 * size for size in size_hw)
        nested = (filters.to(x.dtype) @ x.T).float().view(len(filters), *size_hw, 2, 2, 2, 2)
        logits = nested.permute(0, 1, 3, 5, 2, 4, 6).reshape(len(filters), height, width)
        if not image:
            return logits, None
        nested = x.view(*size_hw, 2, 2, 2, 2, -1).permute(0, 2, 4, 1, 3, 5, 6)
        return logits, nested.reshape(1, height, width, -1).permute(0, 3, 1, 2)

    def apply_filter(
        self, rows: Float[Tensor, "*rows channel"], filters: Float[Tensor, "channel"]
    ) -> Float[Tensor, "*rows"]:
        """Return each row's product with a filter, in float32. All arguments stay as they are."""
        return (rows @ filters.to(rows.dtype)).float()

    def norm_gelu_conv3x3(
        self,
        wide: Float[Tensor, "1 channel height width"],
        norm: Norm,
        filters: Float[Tensor, "channel 3 3"],
        onto: Float[Tensor, "height width"],
    ) -> None:
        """Add LayerNorm, GELU and a 3x3 convolution to one channel of an image to `onto` (float32)."""
        rows = self.norm_gelu(wide.permute(0, 2, 3, 1).flatten(0, 2), norm)
        products = (filters.flatten(1).T.to(rows.dtype) @ rows.T).float().view(3, 3, *onto.shape)
        onto += _sum_of_shifted(products)


def _sum_of_shifted(products: Tensor) -> Tensor:
    """Shift each of a 3x3 filter's products [3, 3, height, width] to its centre and add, with zeros outside."""
    height, width = products.shape[-2:]
    total = products.new_zeros(height + 2, width + 2)
    for y in range(3):
        for x in range(3):
            total[2 - y : 2 - y + height, 2 - x : 2 - x + width] += products[y, x]
    return total[1:-1, 1:-1]
