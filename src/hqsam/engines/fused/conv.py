"""Convolutions for inference: the norm is part of the weights, and GELU is applied in the same pass."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from hqsam.model.layers import ConvNorm


class FusedConv(nn.Module):
    """A `ConvNorm` in evaluation, with GELU if asked, in one pass over memory."""

    def __init__(self, plain: ConvNorm, gelu: bool) -> None:
        super().__init__()
        conv, norm = plain.conv, plain.norm
        mean, variance = norm.running_mean, norm.running_var
        assert mean is not None and variance is not None and not isinstance(conv.padding, str)
        gain = norm.weight * (variance + norm.eps).rsqrt()
        self.weight = nn.Parameter(conv.weight * gain.view(-1, 1, 1, 1), requires_grad=False)
        self.bias = nn.Parameter(norm.bias - mean * gain, requires_grad=False)
        self.stride, self.padding, self.dilation, self.groups = conv.stride, conv.padding, conv.dilation, conv.groups
        self.gelu = gelu

    def forward(self, x: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch after rows columns"]:
        settings = (self.padding, self.stride, self.dilation, self.groups)
        if self.gelu and has_fused_gelu(x):
            # PyTorch's compiler calls this, too; GELU on its own costs up to four times the convolution.
            return torch.ops.mkldnn._convolution_pointwise(x, self.weight, self.bias, *settings, "gelu", [], "none")
        x = F.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)
        return F.gelu(x) if self.gelu else x


def has_fused_gelu(x: Tensor) -> bool:
    """Return whether PyTorch can apply GELU to the results of a layer in the same pass."""
    return (
        x.device.type == "cpu"
        and x.dtype in (torch.float32, torch.bfloat16)
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
    )


@torch.no_grad()
def fuse_convolutions(module: nn.Module) -> None:
    """Replace each `ConvNorm` of a module, with GELU if it follows in a sequence, in place and for inference."""
    for name, child in list(module.named_children()):
        if isinstance(child, ConvNorm):
            setattr(module, name, FusedConv(child, gelu=take_gelu_after(module, name)))
        else:
            fuse_convolutions(child)


def take_gelu_after(module: nn.Module, name: str) -> bool:
    """Take out the GELU that follows a child of a sequence, and return whether there was one."""
    following = str(int(name) + 1) if isinstance(module, nn.Sequential) and name.isdecimal() else ""
    if not isinstance(getattr(module, following, None), nn.GELU):
        return False
    setattr(module, following, nn.Identity())
    return True
