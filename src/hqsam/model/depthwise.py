"""Depthwise convolutions, which filter each channel by itself; engines and training may bring faster ones."""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class Sides(NamedTuple):
    """Rows and columns of zeros around an image."""

    top: int
    left: int
    bottom: int
    right: int


class DepthwiseOps:
    """Depthwise convolutions as PyTorch has them; the plain twin of the compiled ones."""

    def __deepcopy__(self, memo: object) -> "DepthwiseOps":
        return self  # it has no state, and a copied model shares it

    def depthwise(
        self,
        x: Float[Tensor, "image channel height width"],
        weight: Float[Tensor, "channel 1 side side"],
        bias: Float[Tensor, "channel"],
        stride: int,
        padding: Sides,
        relu6: bool,
    ) -> Float[Tensor, "image channel rows columns"]:
        """Return the convolution of each channel with its own filter.

        Args:
            x: the images.
            weight: a filter for each channel.
            bias: what is added to each channel.
            stride: pixels from one filtered place to the next.
            padding: zeros around the image.
            relu6: apply ReLU6 before and after the convolution.
        """
        weight, bias = weight.to(x.dtype), bias.to(x.dtype)
        x = F.relu6(x) if relu6 else x
        if padding.top == padding.bottom and padding.left == padding.right:
            x = F.conv2d(x, weight, bias, stride, (padding.top, padding.left), groups=len(weight))
        else:
            x = F.pad(x, (padding.left, padding.right, padding.top, padding.bottom))
            x = F.conv2d(x, weight, bias, stride, groups=len(weight))
        return F.relu6(x) if relu6 else x


PLAIN_DEPTHWISE = DepthwiseOps()


def same_padding(size_hw: tuple[int, int], side: int, stride: int) -> Sides:
    """Return the padding that TensorFlow calls SAME: with an odd number of zeros, one more below and to the right."""
    vertical, horizontal = (max((-(-size // stride) - 1) * stride + side - size, 0) for size in size_hw)
    return Sides(vertical // 2, horizontal // 2, vertical - vertical // 2, horizontal - horizontal // 2)


def set_depthwise_ops(module: nn.Module, ops: DepthwiseOps) -> None:
    """Let all depthwise convolutions in a module be computed by `ops`."""
    for child in module.modules():
        if isinstance(getattr(child, "depthwise_ops", None), DepthwiseOps):
            setattr(child, "depthwise_ops", ops)  # noqa: B010  (a module's attributes are typed as tensors and modules)
