"""Linear layers whose weights lie as the processor's matrix product wants them, with GELU applied on the way."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hqsam.model.fused_conv import has_fused_gelu, take_gelu_after


class PackedLinear(nn.Module):
    """What a linear layer, and GELU after it if asked, compute: the plain twin packs its weights at every call."""

    def __init__(self, plain: nn.Linear, gelu: bool) -> None:
        super().__init__()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(plain.weight.detach())
        self.bias = None if plain.bias is None else plain.bias.detach()
        self.epilogue = ("gelu", [], "none") if gelu else ("none", [], "")

    def forward(self, x: Float[Tensor, "*rows before"]) -> Float[Tensor, "*rows after"]:
        return torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, *self.epilogue)


@torch.no_grad()
def pack_linears(module: nn.Module) -> None:
    """Replace, everywhere below, each linear layer, and each GELU that follows one in a sequence. For inference only.

    Where PyTorch has no packed layers, or they are not faster, nothing is changed.
    """
    for name, child in list(module.named_children()):
        if not isinstance(child, nn.Linear):
            pack_linears(child)
        elif _pays(child.weight):
            setattr(module, name, PackedLinear(child, gelu=take_gelu_after(module, name)))


def _pays(weight: Tensor) -> bool:
    return (
        weight.dtype == torch.bfloat16
        and has_fused_gelu(weight)
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
    )
