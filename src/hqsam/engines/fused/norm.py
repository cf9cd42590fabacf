"""LayerNorms in one pass over memory, with GELU applied on the way."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hqsam.engines.fused.conv import take_gelu_after
from hqsam.engines.kernels import Kernels, Norm
from hqsam.model.layers import ChannelNorm


class FusedNorm(nn.Module):
    """A LayerNorm over the last axis in one pass, with GELU if asked; its weights stay float32."""

    def __init__(self, plain: nn.LayerNorm | ChannelNorm, gelu: bool, kernels: Kernels) -> None:
        super().__init__()
        # What an encoder pads with is found here, in the precision of the answers.
        self.bias = nn.Parameter(plain.bias.detach(), requires_grad=False)
        self.norm, self.gelu, self.kernels = Norm(plain.weight, plain.bias, plain.eps), gelu, kernels

    def forward(self, x: Float[Tensor, "*rows channel"]) -> Float[Tensor, "*rows channel"]:
        if self.gelu:
            return self.kernels.norm_gelu(x.contiguous(), self.norm)
        return self.kernels.norm(x.contiguous(), self.norm)


class FusedChannelNorm(FusedNorm):
    """A `FusedNorm` over the channels of an image."""

    def forward(self, x: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch channel height width"]:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


@torch.no_grad()
def fuse_norms(module: nn.Module, kernels: Kernels) -> None:
    """Replace each LayerNorm of a module, with GELU if it follows in a sequence, in place and for inference.

    Call it before the weights are cast.
    """
    for name, child in list(module.named_children()):
        if isinstance(child, nn.LayerNorm | ChannelNorm):
            folded = FusedNorm if isinstance(child, nn.LayerNorm) else FusedChannelNorm
            setattr(module, name, folded(child, take_gelu_after(module, name), kernels))
        else:
            fuse_norms(child, kernels)
