"""The upscaling of the decoder's image embedding, and masks made of it, for one prompt at a time."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from hqsam.engines.fused.layers import fuse_layers
from hqsam.engines.kernels import Kernels, Norm
from hqsam.model.depthwise import set_depthwise_ops
from hqsam.model.hq_features import HqPart
from hqsam.model.layers import ChannelNorm, Upscale2x
from hqsam.model.mask_decoder import MaskDecoder


class MaskUpscaling:
    """Two 2x upscalings as linear layers, whose pixels come in the order [token, 2 x 2, 2 x 2, channel]."""

    def __init__(self, decoder: MaskDecoder, precision: torch.dtype, kernels: Kernels) -> None:
        self.kernels = kernels
        first, norm, _, second, _ = decoder.upscale
        assert isinstance(first, Upscale2x) and isinstance(second, Upscale2x) and isinstance(norm, ChannelNorm)
        self.first, self.second = _as_linear(first, precision), _as_linear(second, precision)
        self.norm = Norm(norm.weight, norm.bias, norm.eps)

    def __call__(
        self,
        tokens: Float[Tensor, "image_token channel"],
        size_hw: tuple[int, int],
        filters: Float[Tensor, "mask pixel_channel"],
        as_image: bool,
        skips: tuple[Tensor, ...] = (),
    ) -> tuple[Float[Tensor, "mask height width"], Float[Tensor, "1 pixel_channel height width"] | None]:
        """Return the products of filters with all pixels, and the pixels as an image, if asked for."""
        assert not skips, "an image without skip features"
        x = self.kernels.norm_gelu(F.linear(tokens, *self.first).unflatten(-1, (4, -1)), self.norm)
        x = F.linear(x, *self.second).flatten(1)
        return self.kernels.upscaled_masks(x, size_hw, filters, as_image)


class SkipUpscaling:
    """Two 2x upscalings to which the image's skip features are added, with convolution blocks between them."""

    def __init__(self, decoder: MaskDecoder, precision: torch.dtype, kernels: Kernels) -> None:
        self.decoder, self.kernels = decoder, kernels
        parts = nn.ModuleList([decoder.upscale, decoder.smooth])
        set_depthwise_ops(parts, kernels.depthwise_ops)
        fuse_layers(parts, precision, kernels)

    def __call__(
        self,
        tokens: Float[Tensor, "image_token channel"],
        size_hw: tuple[int, int],
        filters: Float[Tensor, "mask pixel_channel"],
        as_image: bool,
        skips: tuple[Float[Tensor, "1 _ _ _"], ...] = (),
    ) -> tuple[Float[Tensor, "mask height width"], Float[Tensor, "1 pixel_channel height width"] | None]:
        """Return the products of filters with all pixels, and the pixels as an image, if asked for."""
        embedding = tokens.T.unflatten(1, size_hw)[None]
        pixels = self.decoder.upscaled(embedding, skips).contiguous(memory_format=torch.channels_last)
        rows = pixels.permute(0, 2, 3, 1)[0]
        logits = [self.kernels.apply_filter(rows, each) for each in filters]
        height, width = pixels.shape[-2:]
        masks = torch.stack(logits) if logits else filters.new_empty(0, height, width)
        return masks, pixels if as_image else None


class HqMaskHead:
    """The HQ features made of the upscaled embedding, as far as one filter needs them."""

    def __init__(self, hq: HqPart, precision: torch.dtype, kernels: Kernels) -> None:
        widen, norm, _, narrow = hq.from_decoder
        assert isinstance(widen, nn.Conv2d) and isinstance(norm, ChannelNorm) and isinstance(narrow, nn.Conv2d)
        assert widen.bias is not None and narrow.bias is not None
        self.kernels = kernels
        self.widen = (widen.weight.to(precision, memory_format=torch.channels_last), widen.bias.to(precision))
        self.norm = Norm(norm.weight, norm.bias, norm.eps)
        self.narrow, self.narrow_bias = narrow.weight, narrow.bias

    def add(
        self,
        pixels: Float[Tensor, "1 channel height width"],
        filters: Float[Tensor, "pixel_channel"],
        onto: Float[Tensor, "height width"],
    ) -> None:
        """Add the part of the HQ mask that depends on the prompt to the part that does not."""
        onto += filters @ self.narrow_bias
        filters_3x3 = torch.einsum("c,cwyx->wyx", filters, self.narrow)
        self.kernels.norm_gelu_conv3x3(F.conv2d(pixels, *self.widen, padding=1), self.norm, filters_3x3, onto)


def _as_linear(upscale: Upscale2x, precision: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return a 2x2 transposed convolution of stride 2 as a linear layer to four pixels."""
    weight, bias = upscale.patches()
    return weight.to(precision).contiguous(), bias.to(precision)
