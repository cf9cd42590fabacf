"""Layers for inference on a processor, whatever they are part of."""

import torch
from torch import nn

from hqsam.engines.fused.bottleneck import fuse_bottlenecks
from hqsam.engines.fused.int8 import quantise_linears
from hqsam.engines.fused.linear import pack_linears
from hqsam.engines.fused.norm import fuse_norms
from hqsam.engines.kernels import Kernels


def fuse_layers(module: nn.Module, precision: torch.dtype, kernels: Kernels, int8: bool = False) -> None:
    """Cast what is below to a precision, and replace each layer that can be had faster, for good.

    With `int8`, linear layers multiply bytes.
    """
    fuse_norms(module, kernels)  # before they are cast, as their numbers stay float32
    fuse_bottlenecks(module, kernels)
    if int8:
        quantise_linears(module, kernels)
    module.to(precision)
    pack_linears(module)
