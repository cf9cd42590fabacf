"""Layers for inference on a processor, whatever they are part of."""

import torch
from torch import nn

from hqsam.engines.folded.bottleneck import fold_bottlenecks
from hqsam.engines.folded.int8 import quantise_linears
from hqsam.engines.folded.linear import pack_linears
from hqsam.engines.folded.norm import fold_norms
from hqsam.engines.kernels import Kernels


def fold_layers(module: nn.Module, precision: torch.dtype, kernels: Kernels, int8: bool = False) -> None:
    """Cast what is below to a precision, and replace each layer that can be had faster, for good.

    With `int8`, linear layers multiply bytes.
    """
    fold_norms(module, kernels)  # before they are cast, as their numbers stay float32
    fold_bottlenecks(module, kernels)
    if int8:
        quantise_linears(module, kernels)
    module.to(precision)
    pack_linears(module)
