"""Small layers that every part of the model shares."""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from hqsam.model.depthwise import PLAIN_DEPTHWISE, DepthwiseOps, Sides


class ChannelNorm(nn.Module):
    """LayerNorm over the channels of an image, as SAM's neck and decoder use it (there called LayerNorm2d)."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch channel height width"]:
        # Channels last, the fused LayerNorm needs one pass over memory instead of six.
        x = x.permute(0, 2, 3, 1)
        x = F.layer_norm(x, x.shape[-1:], self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


class Mlp(nn.Sequential):
    """Linear layers with an activation between them."""

    def __init__(self, widths: list[int], activation: type[nn.Module] = nn.ReLU) -> None:
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), activation()]
        super().__init__(*layers[:-1])


class ConvNorm(nn.Sequential):
    """A convolution and its batch norm."""

    def __init__(self, before: int, after: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(after)

    def folded(self) -> tuple[Float[Tensor, "after _ _ _"], Float[Tensor, "after"]]:
        """Return weight and bias of the one convolution that both are while the norm's statistics are constant."""
        mean, variance = self.norm.running_mean, self.norm.running_var
        assert mean is not None and variance is not None
        gain = self.norm.weight * (variance + self.norm.eps).rsqrt()
        return self.conv.weight * gain.view(-1, 1, 1, 1), self.norm.bias - mean * gain


class ConvBlock(nn.Module):
    """A depthwise convolution, a norm and an MLP of each pixel, added to the input (ConvNeXt, Liu et al., 2022)."""

    def __init__(self, width: int, side: int = 5, expand: int = 2, scaled: bool = False) -> None:
        super().__init__()
        self.depthwise_ops: DepthwiseOps = PLAIN_DEPTHWISE
        self.filter = nn.Conv2d(width, width, side, padding=side // 2, groups=width)
        self.norm = ChannelNorm(width)
        self.mlp = Mlp([width, expand * width, width], nn.GELU)
        self.scale = nn.Parameter(torch.ones(width)) if scaled else None
        """What is added is multiplied by this, channel by channel."""

    def forward(self, x: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch channel height width"]:
        assert self.filter.bias is not None
        reach = self.filter.weight.shape[-1] // 2
        around = Sides(reach, reach, reach, reach)
        filtered = self.depthwise_ops.depthwise(x, self.filter.weight, self.filter.bias, 1, around, relu6=False)
        added = self.mlp(self.norm(filtered).permute(0, 2, 3, 1))
        return x + (added if self.scale is None else self.scale * added).permute(0, 3, 1, 2)


class Neck(nn.Sequential):
    """Two convolutions with norms from the encoder's last features to the decoder's width."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(before, after, 1, bias=False)
        self.reduce_norm = ChannelNorm(after)
        self.smooth = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.smooth_norm = ChannelNorm(after)


class Upscale2x(nn.ConvTranspose2d):
    """A transposed convolution that turns each pixel into a learned 2x2 patch."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__(before, after, kernel_size=2, stride=2)

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, x: Float[Tensor, "batch before height width"]
    ) -> Float[Tensor, "batch after height_2 width_2"]:
        # As one product, since the patches do not overlap: trained on a CPU it is twice as fast as the convolution.
        return join_patches(F.linear(x.permute(0, 2, 3, 1), *self.patches()))

    def patches(self) -> tuple[Float[Tensor, "four_after before"], Float[Tensor, "four_after"]]:
        """Return weight and bias of the linear layer from a pixel to its four, row by row."""
        assert self.bias is not None
        return self.weight.permute(2, 3, 1, 0).flatten(0, 2), self.bias.repeat(4)


def join_patches(
    patches: Float[Tensor, "batch height width four_channel"],
) -> Float[Tensor, "batch channel height_2 width_2"]:
    """Lay out patches of 2 x 2 pixels as an image, channels last in memory."""
    batch, height, width, channels = patches.shape
    x = patches.view(batch, height, width, 2, 2, channels // 4).transpose(2, 3)
    return x.reshape(batch, 2 * height, 2 * width, channels // 4).permute(0, 3, 1, 2)
