"""Masks of the image's size in Core ML's own operations, which resize by two matrix products.

Core ML resizes to sizes that are known when the package is written. A bilinear resize is a product with a matrix of
weights on either side, and these it can compute for any size.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from torch.nn import functional as F

from hqsam.model.config import ModelConfig
from hqsam.optional import require


def masks_program(config: ModelConfig) -> Any:
    """Return the program from logits [mask, h, w] and the image's size to masks [mask, height, width] of 0 and 1.

    Raises:
        MissingExtra: coremltools is not installed.
    """
    mb = require("coremltools.converters.mil", extra="coreml").Builder
    mil = require("coremltools.converters.mil.mil", extra="coreml")
    target = require("coremltools", extra="coreml").target.iOS18
    side = config.mask_size
    inputs = {
        "logits": mb.placeholder((mil.get_new_symbol(), side, side), mil.types.fp32),
        "image_size": mb.placeholder((2,), mil.types.int32),
    }
    program = mil.Program()
    with mil.Function(inputs, target) as function:
        size = mb.cast(x=function.inputs["image_size"], dtype="fp32")
        grid = _grid_size(mb, size, config)
        rows, columns = (_weights(mb, size, grid, axis, config) for axis in (0, 1))
        full = mb.matmul(x=mb.matmul(x=rows, y=function.inputs["logits"]), y=columns, transpose_y=True)
        function.set_outputs([mb.cast(x=mb.greater(x=full, y=0.0), dtype="int32", name="masks")])
        program.add_function("main", function)
    return program


def enlarged(config: ModelConfig) -> Float32[np.ndarray, "model_size mask_size"]:
    """Return the weights of the first step of `Frame.masks_to_image`, from logits to the model's square."""
    logits = torch.eye(config.mask_size)[None, None]
    return F.interpolate(logits, (config.image_size, config.mask_size), mode="bilinear")[0, 0].numpy()


def _grid_size(mb: Any, size: Any, config: ModelConfig) -> Any:
    """The part of the first step's result that is stretched over the image, as `Frame` has it."""
    if config.fit == "squash":
        return mb.const(val=np.full(2, config.mask_size, np.float32))
    longest = mb.reduce_max(x=size, axes=[0], keep_dims=True)
    doubled = mb.add(x=mb.mul(x=size, y=2.0 * config.image_size), y=longest)  # rounded as `CoreMlDecoder` does it
    resized = mb.floor(x=mb.real_div(x=doubled, y=mb.mul(x=longest, y=2.0)))
    return mb.maximum(x=resized, y=1.0)


def _weights(mb: Any, size: Any, grid: Any, axis: int, config: ModelConfig) -> Any:
    """Weights [pixel of the image, logit] along one axis: a hat around each pixel's place in the grid."""
    pixels, cells = (mb.gather(x=x, indices=axis, axis=0) for x in (size, grid))
    places = mb.add(x=mb.range_1d(start=0.0, end=pixels, step=1.0), y=0.5)
    at = mb.sub(x=mb.mul(x=places, y=mb.real_div(x=cells, y=pixels)), y=0.5)
    inside = mb.minimum(x=mb.maximum(x=at, y=0.0), y=mb.sub(x=cells, y=1.0))
    side = config.mask_size if config.fit == "squash" else config.image_size
    distance = mb.abs(x=mb.sub(x=mb.expand_dims(x=inside, axes=[1]), y=np.arange(side, dtype=np.float32)[None]))
    hat = mb.relu(x=mb.sub(x=1.0, y=distance))
    return hat if config.fit == "squash" else mb.matmul(x=hat, y=enlarged(config))
