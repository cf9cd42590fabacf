"""EfficientNet-Lite: inverted bottlenecks of convolutions, as trained on ImageNet."""

from itertools import accumulate, pairwise

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from hqsam.model.depthwise import PLAIN_DEPTHWISE, DepthwiseOps, same_padding
from hqsam.model.encoders.efficientnet_lite.config import EfficientNetLiteConfig
from hqsam.model.layers import ConvNorm

STEM_WIDTH = 32
NORM_EPS = 1e-3
"""As in TensorFlow, where the published weights were trained."""

_SIDES = (3, 3, 5, 3, 5, 5, 3)
_STRIDES = (1, 2, 2, 2, 1, 2, 1)
_EXPAND = (1, 6, 6, 6, 6, 6, 6)
_LEVELS = (0, 1, 2, 4, 6)
"""The last stages of the strides 2, 4, 8, 16 and 32."""


class EfficientNetLite(nn.Module):
    """The blocks of seven stages; gives features at strides 2, 4, 8, 16 and 32."""

    def __init__(self, config: EfficientNetLiteConfig) -> None:
        super().__init__()
        self.stem: nn.Module = Stem(3, STEM_WIDTH, 3, stride=2)
        blocks: list[Bottleneck] = []
        for number, (before, after) in enumerate(pairwise((STEM_WIDTH, *config.widths))):
            side, expand = _SIDES[number], _EXPAND[number]
            blocks.append(Bottleneck(before, after, side, _STRIDES[number], expand))
            blocks.extend(Bottleneck(after, after, side, 1, expand) for _ in range(1, config.depths[number]))
        self.blocks = nn.ModuleList(blocks)
        ends = tuple(accumulate(config.depths))
        self.level_ends = tuple(ends[stage] for stage in _LEVELS)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = NORM_EPS

    def forward(
        self, images: Float[Tensor, "image 3 height width"]
    ) -> list[Float[Tensor, "image channel rows columns"]]:
        """Return features from the finest level to the coarsest."""
        x = self.stem(images)
        levels: list[Tensor] = []
        for number, block in enumerate(self.blocks, start=1):
            x = block(x)
            if number in self.level_ends:
                levels.append(x)
        return levels


class Stem(ConvNorm):
    """The first convolution, with SAME padding and ReLU6."""

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, x: Float[Tensor, "image 3 height width"]
    ) -> Float[Tensor, "image after rows columns"]:
        top, left, bottom, right = same_padding((x.shape[-2], x.shape[-1]), 3, 2)
        return F.relu6(convolve(self, F.pad(x, (left, right, top, bottom)), padding=0))


class Bottleneck(nn.Module):
    """An inverted bottleneck: widen, filter each channel, narrow, and add where the shape allows it (MobileNetV2)."""

    def __init__(self, before: int, after: int, side: int, stride: int, expand: int) -> None:
        super().__init__()
        inner = before * expand
        self.depthwise_ops: DepthwiseOps = PLAIN_DEPTHWISE
        self.stride, self.side, self.adds = stride, side, before == after and stride == 1
        self.widen = ConvNorm(before, inner) if expand > 1 else None
        self.filter = ConvNorm(inner, inner, side, stride=stride, groups=inner)
        self.narrow = ConvNorm(inner, after)

    def forward(self, x: Float[Tensor, "image channel height width"]) -> Float[Tensor, "image after rows columns"]:
        wide = x if self.widen is None else convolve(self.widen, x)
        filtered = self._filtered(wide)
        narrow = convolve(self.narrow, filtered)
        return x + narrow if self.adds else narrow

    def _filtered(self, wide: Tensor) -> Tensor:
        padding = same_padding((wide.shape[-2], wide.shape[-1]), self.side, self.stride)
        if self.filter.norm.training:
            no_bias = wide.new_zeros(wide.shape[1])
            # Of the two ReLU6 the second comes after the norm.
            x = self.depthwise_ops.depthwise(
                F.relu6(wide), self.filter.conv.weight, no_bias, self.stride, padding, relu6=False
            )
            return F.relu6(self.filter.norm(x))
        weight, bias = self.filter.folded()
        return self.depthwise_ops.depthwise(wide, weight, bias, self.stride, padding, relu6=True)


def convolve(layer: ConvNorm, x: Tensor, padding: int | None = None) -> Tensor:
    """Return a convolution and its norm; with constant statistics as one convolution, which saves passes over memory.

    `padding` replaces that of the layer.
    """
    conv = layer.conv
    if layer.norm.training:
        around = conv.padding if padding is None else padding
        return layer.norm(F.conv2d(x, conv.weight.to(x.dtype), None, conv.stride, around, groups=conv.groups))
    weight, bias = layer.folded()
    around = conv.padding if padding is None else padding
    return F.conv2d(x, weight.to(x.dtype), bias.to(x.dtype), conv.stride, around, groups=conv.groups)
