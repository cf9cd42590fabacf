"""Linear layers that multiply bytes, which processors with VNNI do twice as fast as bfloat16."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hqsam.engines.fused.conv import take_gelu_after
from hqsam.engines.kernels import Kernels
from hqsam.errors import OptionError
from hqsam.hardware import cpu_features


class QuantisedLinear(nn.Module):
    """A linear layer, with GELU if asked, whose weights and inputs are rounded to 8 bits.

    Every row has a step of its own: of the weights, once and for all; of the input, by the largest of its numbers. So
    one token that is far from the others makes none of them coarse.
    """

    def __init__(self, plain: nn.Linear, gelu: bool, kernels: Kernels) -> None:
        super().__init__()
        self.gelu, self.kernels = gelu, kernels
        weight = plain.weight.detach().float()
        self.steps = weight.abs().amax(dim=1).clamp_min(127e-30) / 127
        whole = (weight / self.steps[:, None]).round().to(torch.int8)
        self.weight = torch.ops.onednn.qlinear_prepack(whole, None)
        self.zeros = torch.zeros(len(weight), dtype=torch.int64)
        self.values = (
            torch.zeros(len(weight), dtype=torch.float32) if plain.bias is None else plain.bias.detach().float()
        )
        # What an encoder pads with is found here, in the precision of the answers.
        self.bias = None if plain.bias is None else nn.Parameter(plain.bias.detach(), requires_grad=False)

    def forward(self, x: Float[Tensor, "*rows before"]) -> Float[Tensor, "*rows after"]:
        quantised, steps = self.kernels.quantise(x)
        products = torch.ops.onednn.qlinear_pointwise(
            quantised, 1.0, 128, self.weight, self.steps, self.zeros, None, 1.0, 0, x.dtype, "none", [], ""
        )
        return self.kernels.dequantise(products, steps, self.values, self.gelu).unflatten(0, x.shape[:-1])


def check_int8() -> None:
    """Check that this machine multiplies bytes, before a model is loaded to be quantised.

    Raises:
        OptionError: this processor, or this PyTorch, does not multiply bytes.
    """
    if "avx512_vnni" not in cpu_features():
        raise OptionError('precision "int8" needs a processor with AVX-512 VNNI; take "auto"')
    if not hasattr(torch.ops.onednn, "qlinear_pointwise"):
        raise OptionError(
            f'precision "int8" needs a PyTorch whose oneDNN multiplies bytes; {torch.__version__} has none'
        )


@torch.no_grad()
def quantise_linears(module: nn.Module, kernels: Kernels) -> None:
    """Replace each linear layer of a module, with GELU if it follows in a sequence, in place and for inference."""
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Linear):
            setattr(module, name, QuantisedLinear(child, take_gelu_after(module, name), kernels))
        else:
            quantise_linears(child, kernels)
