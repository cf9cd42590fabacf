"""EfficientNet-Lite for inference: norms are part of the weights, and ReLU6 is applied while channels are filtered."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from hqsam.engines.kernels import Kernels
from hqsam.model.depthwise import PLAIN_DEPTHWISE, DepthwiseOps, same_padding
from hqsam.model.encoders.efficientnet_lite.backbone import Bottleneck, EfficientNetLite
from hqsam.model.layers import ConvNorm


class FoldedConv(nn.Module):
    """A `ConvNorm` in evaluation, as one convolution."""

    def __init__(self, plain: ConvNorm) -> None:
        super().__init__()
        weight, bias = plain.folded()
        self.weight = nn.Parameter(weight.contiguous(memory_format=torch.channels_last), requires_grad=False)
        self.bias = nn.Parameter(bias, requires_grad=False)
        self.stride = plain.conv.stride

    def forward(self, x: Float[Tensor, "image channel height width"]) -> Float[Tensor, "image after rows columns"]:
        return F.conv2d(x, self.weight, self.bias, self.stride)


class FoldedStem(FoldedConv):
    """The first convolution, with its padding and ReLU6."""

    def forward(self, x: Float[Tensor, "image channel height width"]) -> Float[Tensor, "image after rows columns"]:
        top, left, bottom, right = same_padding((x.shape[-2], x.shape[-1]), 3, 2)
        padded = F.pad(x, (left, right, top, bottom))
        return F.relu6(super().forward(padded.contiguous(memory_format=torch.channels_last)))


class FoldedBottleneck(nn.Module):
    """A `Bottleneck` in evaluation, in three passes over memory."""

    def __init__(self, plain: Bottleneck) -> None:
        super().__init__()
        self.depthwise_ops: DepthwiseOps = PLAIN_DEPTHWISE
        self.stride, self.side, self.adds = plain.stride, plain.side, plain.adds
        self.widen = nn.Identity() if plain.widen is None else FoldedConv(plain.widen)
        self.filter, self.narrow = FoldedConv(plain.filter), FoldedConv(plain.narrow)

    def forward(self, x: Float[Tensor, "image channel height width"]) -> Float[Tensor, "image after rows columns"]:
        wide = self.widen(x)
        padding = same_padding((wide.shape[-2], wide.shape[-1]), self.side, self.stride)
        weight, bias = self.filter.weight, self.filter.bias
        narrow = self.narrow(self.depthwise_ops.depthwise(wide, weight, bias, self.stride, padding, relu6=True))
        return narrow.add_(x) if self.adds else narrow


@torch.no_grad()
def fuse_efficientnet_lite(encoder: nn.Module, image_size: int, kernels: Kernels | None) -> None:
    """Fold the norms of the backbone into its convolutions, in place and for inference."""
    del image_size, kernels
    backbone = next(module for module in encoder.modules() if isinstance(module, EfficientNetLite))
    assert isinstance(backbone.stem, ConvNorm)
    backbone.stem = FoldedStem(backbone.stem)
    plain = [block for block in backbone.blocks if isinstance(block, Bottleneck)]
    backbone.blocks = nn.ModuleList(FoldedBottleneck(block) for block in plain)
