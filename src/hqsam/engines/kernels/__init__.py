"""What the tuned model computes between its matrix products: an interface, in PyTorch and compiled."""

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from hqsam.model.attention_ops import AttentionLayout, AttentionOps
from hqsam.model.config import ModelConfig


class Norm:
    """A LayerNorm's numbers, in float32."""

    def __init__(self, weight: Tensor, bias: Tensor, eps: float) -> None:
        self.weight, self.bias, self.eps = weight.float().contiguous(), bias.float().contiguous(), eps

    def to(self, precision: torch.dtype) -> tuple[Tensor, Tensor]:
        """Weight and bias in a precision."""
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


@runtime_checkable
class Kernels(AttentionOps, Protocol):
    """Each may overwrite what it is given first, unless it says otherwise; tensors are contiguous.

    They are in the engine's precision, where nothing else is said.
    """

    def relative_bias_attention(self, channels: int) -> RelativeBiasAttention | None:
        """Return attention in one step for heads of so many channels; None: it is left to the other operations."""
        ...

    def softmax(
        self, logits: Float[Tensor, "*rows column"], bias: Float[Tensor, "*some_rows column"] | None = None
    ) -> Float[Tensor, "*rows column"]:
        """Return the softmax of each row, after adding a bias, whose rows come again and again."""
        ...

    def softmax_over_tokens(
        self, logits: Float[Tensor, "prompt token*head place"], offset: Float[Tensor, "prompt token head"]
    ) -> Float[Tensor, "prompt token*head place"]:
        """Over the tokens, for each head, after adding the offset (float32)."""
        ...

    def add_norm(
        self,
        added: Float[Tensor, "prompt place channel"],
        onto: Float[Tensor, "prompt_or_1 place channel"],
        positions: Float[Tensor, "1 place channel"],
        norm: Norm,
    ) -> tuple[Float[Tensor, "prompt place channel"], Float[Tensor, "prompt place channel"]]:
        """The sum's LayerNorm, and that with the positions added."""
        ...

    def normalise_and_pad(
        self, images: list[UInt8[np.ndarray, "_ _ 3"]], config: ModelConfig, precision: torch.dtype
    ) -> Float[Tensor, "image 3 height width"]:
        """Resized images to what the encoder takes, channels last in memory: see `normalise_and_pad`."""
        ...

    def has_bottleneck(self, channels: int, inner: int) -> bool:
        """Whether `bottleneck` takes so many channels, and is quicker than convolutions one after the other."""
        ...

    def bottleneck(
        self, x: Float[Tensor, "image height width channel"], weights: Bottleneck
    ) -> Float[Tensor, "image height width channel"]:
        """Widen, GELU, mix the places of each channel, GELU, narrow, add `x`, GELU. What is given stays as it is."""
        ...

    def norm(self, x: Float[Tensor, "*rows channel"], norm: Norm) -> Float[Tensor, "*rows channel"]:
        """LayerNorm over the channels. What is given stays as it is."""
        ...

    def quantise(self, x: Float[Tensor, "*rows channel"]) -> tuple[UInt8[Tensor, "row channel"], Float[Tensor, "row"]]:
        """Numbers as bytes about 128, and each row's step (float32). What is given stays as it is."""
        ...

    def dequantise(
        self, x: Float[Tensor, "row channel"], steps: Float[Tensor, "row"], bias: Float[Tensor, "channel"], gelu: bool
    ) -> Float[Tensor, "row channel"]:
        """Each row times its step, and the bias (float32) added; then GELU, if asked for."""
        ...

    def norm_gelu(self, x: Float[Tensor, "*rows channel"], norm: Norm) -> Float[Tensor, "*rows channel"]:
        """LayerNorm over the channels, then GELU."""
        ...

    def upscaled_masks(
        self,
        x: Float[Tensor, "place 16*channel"],
        size_hw: tuple[int, int],
        filters: Float[Tensor, "mask channel"],
        image: bool,
    ) -> tuple[Float[Tensor, "mask height width"], Float[Tensor, "1 channel height width"] | None]:
        """GELU of what two upscalings made of each place, put where it belongs.

        The filters' products with all pixels, in float32; and the pixels as an image, channels last, if asked for.
        """
        ...

    def apply_filter(
        self, rows: Float[Tensor, "*rows channel"], filters: Float[Tensor, "channel"]
    ) -> Float[Tensor, "*rows"]:
        """Each row's product with a filter, in float32. The rows stay as they are."""
        ...

    def norm_gelu_conv3x3(
        self,
        wide: Float[Tensor, "1 channel height width"],
        norm: Norm,
        taps: Float[Tensor, "channel 3 3"],
        onto: Float[Tensor, "height width"],
    ) -> None:
        """Add to `onto` (float32) what LayerNorm, GELU and a 3x3 convolution to one channel make of an image."""
        ...
