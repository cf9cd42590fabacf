"""From the decoder's image to pixels, and from pixels to masks, for one prompt at a time."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from hqsam.model.hq_features import HqPart
from hqsam.model.layers import ChannelNorm, Upscale2x
from hqsam.model.mask_decoder import MaskDecoder


class Pixels:
    """Four pixels for each place, twice, in the order they come: [place, 2 x 2, 2 x 2, channel]."""

    def __init__(self, decoder: MaskDecoder, side: int, precision: torch.dtype) -> None:
        self.side, self.precision = side, precision
        first, norm, _, second, _ = decoder.upscale
        assert isinstance(first, Upscale2x) and isinstance(second, Upscale2x) and isinstance(norm, ChannelNorm)
        self.first, self.second = _as_linear(first, precision), _as_linear(second, precision)
        self.norm = (norm.weight.to(precision), norm.bias.to(precision), norm.eps)

    def __call__(self, image: Float[Tensor, "place channel"]) -> Float[Tensor, "pixel pixel_channel"]:
        weight, bias, eps = self.norm
        x = F.linear(image, *self.first).unflatten(-1, (4, -1))
        x = F.gelu(F.layer_norm(x, x.shape[-1:], weight, bias, eps))
        x = F.gelu(F.linear(x, *self.second))
        return x.view(16 * len(image), -1)

    def picture(
        self, filters: Float[Tensor, "mask pixel_channel"], pixels: Float[Tensor, "pixel pixel_channel"]
    ) -> Float[Tensor, "mask height width"]:
        """The filters' products with all pixels, each put where it belongs."""
        side, masks = self.side, len(filters)
        products = (filters.to(self.precision) @ pixels.T).float()
        nested = products.view(masks, side, side, 2, 2, 2, 2)
        return nested.permute(0, 1, 3, 5, 2, 4, 6).reshape(masks, 4 * side, 4 * side)

    def channels_last(
        self, pixels: Float[Tensor, "pixel pixel_channel"]
    ) -> Float[Tensor, "1 pixel_channel height width"]:
        """The pixels as an image, in the layout that convolutions like."""
        side, channels = self.side, pixels.shape[1]
        nested = pixels.view(side, side, 2, 2, 2, 2, channels)
        image = nested.permute(0, 2, 4, 1, 3, 5, 6).reshape(1, 4 * side, 4 * side, channels)
        return image.permute(0, 3, 1, 2)


class HqPixels:
    """The HQ features made from the decoder's pixels, as far as one filter needs them."""

    def __init__(self, hq: HqPart, precision: torch.dtype) -> None:
        widen, norm, _, narrow = hq.from_decoder
        assert isinstance(widen, nn.Conv2d) and isinstance(norm, ChannelNorm) and isinstance(narrow, nn.Conv2d)
        assert widen.bias is not None and narrow.bias is not None
        self.precision = precision
        self.widen = (widen.weight.to(precision, memory_format=torch.channels_last), widen.bias.to(precision))
        self.norm = (norm.weight.to(precision), norm.bias.to(precision), norm.eps)
        self.narrow, self.narrow_bias = narrow.weight, narrow.bias

    def __call__(
        self, pixels: Float[Tensor, "1 channel height width"], filters: Float[Tensor, "pixel_channel"]
    ) -> Float[Tensor, "height width"]:
        height, width = pixels.shape[-2:]
        wide = F.conv2d(pixels, *self.widen, padding=1).permute(0, 2, 3, 1).flatten(0, 2)
        weight, bias, eps = self.norm
        wide = F.gelu(F.layer_norm(wide, wide.shape[-1:], weight, bias, eps))
        taps = torch.einsum("c,cwyx->yxw", filters, self.narrow).flatten(0, 1).to(self.precision)
        products = (taps @ wide.T).float().view(3, 3, height, width)
        return _sum_of_shifted(products) + filters @ self.narrow_bias


def _sum_of_shifted(taps: Float[Tensor, "3 3 height width"]) -> Float[Tensor, "height width"]:
    """What a 3x3 convolution does with each tap's product: shift it to its centre and add, zeros outside."""
    height, width = taps.shape[-2:]
    total = taps.new_zeros(height + 2, width + 2)
    for y in range(3):
        for x in range(3):
            total[2 - y : 2 - y + height, 2 - x : 2 - x + width] += taps[y, x]
    return total[1:-1, 1:-1]


def _as_linear(upscale: Upscale2x, precision: torch.dtype) -> tuple[Tensor, Tensor]:
    """A 2x2 transposed convolution of stride 2 as a linear layer to four pixels."""
    weight = upscale.weight.permute(2, 3, 1, 0).flatten(0, 2)
    assert upscale.bias is not None
    return weight.to(precision).contiguous(), upscale.bias.repeat(4).to(precision)
