"""Image encoders for training: with gradients, or frozen and fused."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from hqsam.engines.fused.layers import fuse_encoder
from hqsam.engines.inference import inference_copy
from hqsam.engines.kernels.build import best_kernels
from hqsam.model.features import ImageFeatures
from hqsam.model.hq_sam import HQSam

Encode = Callable[[Tensor], ImageFeatures]
"""Function from images, uint8 and channels last, to their features."""


def encoder_of(model: HQSam, precision: torch.dtype) -> Encode:
    """Return how a model encodes images: with gradients where its encoder is trained, else fused and frozen."""
    if any(parameter.requires_grad for parameter in model.image_encoder.parameters()):
        return lambda images: model.encode_image(normalised(images, model))
    return frozen_encoder(model, precision)


def frozen_encoder(model: HQSam, precision: torch.dtype) -> Encode:
    """Return a frozen encoder: a fused copy in the precision of the computation, so that no step casts its weights.

    A CPU takes one image at a time, channels last: of many, the widest layers do not fit
    its caches.
    """
    encoder = inference_copy(model.image_encoder)
    on_cpu = next(encoder.parameters()).device.type == "cpu"
    fuse_encoder(encoder, model.config, precision, best_kernels(precision) if on_cpu else None)

    def encode(images: Tensor) -> ImageFeatures:
        device = images.device.type
        pixels = normalised(images, model).to(precision, memory_format=torch.channels_last)
        with torch.no_grad(), torch.autocast(device, enabled=False):
            parts = [encoder(part) for part in pixels.split(1 if device == "cpu" else len(pixels))]
        return ImageFeatures.join(parts)

    return encode


def normalised(images: Tensor, model: HQSam) -> Float[Tensor, "image 3 height width"]:
    """Return images, uint8 and channels last, as the encoder takes them."""
    config = model.config
    mean, deviation = (
        images.new_tensor(values, dtype=torch.float32) for values in (config.pixel_mean, config.pixel_std)
    )
    return ((images.float() - mean) / deviation).permute(0, 3, 1, 2)
