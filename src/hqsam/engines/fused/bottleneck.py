"""TinyViT's inverted bottlenecks in one pass: their inner channels, the widest of the model, never reach memory."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hqsam.engines.kernels import Bottleneck, Kernels
from hqsam.model.encoders.tiny_vit import ConvBlock
from hqsam.model.fused_conv import FusedConv


class FusedBottleneck(nn.Module):
    """What a settled `ConvBlock` computes."""

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


@torch.no_grad()
def fuse_bottlenecks(module: nn.Module, kernels: Kernels) -> None:
    """Replace, everywhere below, each `ConvBlock` that has been settled. For inference only.

    To be called before the weights are cast.
    """
    for name, child in list(module.named_children()):
        if not isinstance(child, ConvBlock):
            fuse_bottlenecks(child, kernels)
            continue
        widen, mix, narrow = child.widen, child.mix, child.narrow
        assert isinstance(widen, FusedConv) and isinstance(mix, FusedConv) and isinstance(narrow, FusedConv)
        inner, channels = widen.weight.shape[:2]
        if kernels.has_bottleneck(channels, inner):
            setattr(module, name, FusedBottleneck(widen, mix, narrow, kernels))
