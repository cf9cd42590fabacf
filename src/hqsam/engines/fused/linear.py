"""Linear layers and upscalings whose weights are packed once, in the order of the processor's matrix product."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hqsam.engines.fused.conv import has_fused_gelu, take_gelu_after
from hqsam.model.layers import Upscale2x, join_patches


class PackedLinear(nn.Module):
    """A linear layer with packed weights, and GELU if asked; PyTorch's own packs them at every call."""

    def __init__(self, weight: Float[Tensor, "after before"], bias: Tensor | None, gelu: bool) -> None:
        super().__init__()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight.detach())
        self.bias = None if bias is None else bias.detach()
        self.epilogue = ("gelu", [], "none") if gelu else ("none", [], "")

    def forward(self, x: Float[Tensor, "*rows before"]) -> Float[Tensor, "*rows after"]:
        return torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, *self.epilogue)


class PackedUpscale(nn.Module):
    """`Upscale2x` with packed weights."""

    def __init__(self, plain: Upscale2x) -> None:
        super().__init__()
        self.patches = PackedLinear(*plain.patches(), gelu=False)

    def forward(self, x: Float[Tensor, "batch before rows columns"]) -> Float[Tensor, "batch after rows_2 columns_2"]:
        return join_patches(self.patches(x.permute(0, 2, 3, 1)))


@torch.no_grad()
def pack_linears(module: nn.Module) -> None:
    """Replace each linear layer of a module, with GELU if it follows, and each upscaling, in place and for inference.

    Where PyTorch has no packed layers, or they are not faster, nothing is changed.
    """
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Linear) and _pays(child.weight):
            setattr(module, name, PackedLinear(child.weight, child.bias, gelu=take_gelu_after(module, name)))
        elif isinstance(child, Upscale2x) and _pays(child.weight):
            setattr(module, name, PackedUpscale(child))
        else:
            pack_linears(child)


def _pays(weight: Tensor) -> bool:
    return (
        weight.dtype == torch.bfloat16
        and has_fused_gelu(weight)
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
    )
