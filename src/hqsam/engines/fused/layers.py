"""Modules for inference on a processor: each layer replaced by one that computes the same faster."""

from collections.abc import Callable

import torch
from torch import nn

from hqsam.engines.fused.conv import fuse_convolutions
from hqsam.engines.fused.efficientnet_lite import fuse_efficientnet_lite
from hqsam.engines.fused.hiera import fuse_hiera
from hqsam.engines.fused.int8 import quantise_linears
from hqsam.engines.fused.linear import pack_linears
from hqsam.engines.fused.norm import fuse_norms
from hqsam.engines.fused.tiny_vit import fuse_tiny_vit
from hqsam.engines.kernels import Kernels
from hqsam.model.attention_ops import set_attention_ops
from hqsam.model.config import ModelConfig
from hqsam.model.depthwise import set_depthwise_ops
from hqsam.model.encoders import family_name

FUSE_FAMILY: dict[str, Callable[[nn.Module, int, Kernels | None], None]] = {
    "tiny_vit": fuse_tiny_vit,
    "efficientnet_lite": fuse_efficientnet_lite,
    "hiera": fuse_hiera,
}
"""Fuses what a family of encoders has beside the layers that every module has; most families have nothing."""


def fuse_encoder(
    encoder: nn.Module, config: ModelConfig, precision: torch.dtype, kernels: Kernels | None, int8: bool = False
) -> None:
    """Cast an image encoder to a precision and fuse its layers, in place and for good.

    Args:
        encoder: the float32 encoder of a model; an `inference_copy`, if the model is to stay as it is.
        config: the model's config.
        precision: what it computes in.
        kernels: what computes between matrix products on a CPU; None: PyTorch, on any device.
        int8: let linear layers multiply bytes.
    """
    if fuse_family := FUSE_FAMILY.get(family_name(config.encoder)):
        fuse_family(encoder, config.image_size, kernels)
    fuse_convolutions(encoder)
    if kernels is None:
        encoder.to(precision)
    else:
        set_attention_ops(encoder, kernels)
        set_depthwise_ops(encoder, kernels.depthwise_ops)
        fuse_layers(encoder, precision, kernels, int8)


def fuse_layers(module: nn.Module, precision: torch.dtype, kernels: Kernels, int8: bool = False) -> None:
    """Cast a module to a precision and replace each norm, linear layer and upscaling, in place and for good."""
    fuse_norms(module, kernels)  # before they are cast, as their numbers stay float32
    if int8:
        quantise_linears(module, kernels)
    module.to(precision)
    pack_linears(module)
