"""Images resized, normalised and padded as the encoder was trained on them."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from hqsam.geometry import Frame
from hqsam.model.config import ModelConfig

Pixels: TypeAlias = UInt8[np.ndarray, "_ _ 3"] | Float32[np.ndarray, "_ _ 3"]
"""RGB from 0 to 255, in bytes or, where resizing leaves fractions, as floats."""


def prepare_image(image: UInt8[np.ndarray, "height width 3"], config: ModelConfig) -> tuple[Frame, Pixels]:
    """Scale an image to the pixels that it fills in a model's square, and return its place there, too.

    Models that squash images get the fractions of antialiased bilinear resizing, as in SAM 2; others whole numbers.
    """
    frame = Frame((image.shape[0], image.shape[1]), config.image_size, config.fit)
    if frame.fit == "pad":
        return frame, resize_image(image, frame)
    channels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float()
    squashed = F.interpolate(channels, frame.resized_hw, mode="bilinear", align_corners=False, antialias=True)
    return frame, squashed[0].permute(1, 2, 0).contiguous().numpy()


def resize_image(
    image: UInt8[np.ndarray, "height width 3"], frame: Frame
) -> UInt8[np.ndarray, "resized_height resized_width 3"]:
    """Scale an image to the pixels that it fills in the model's square.

    Padded images get PIL's antialiased bilinear, as in SAM. Squashed ones get bilinear without antialiasing, with
    fractions cut off, as in HQ-SAM's evaluation.
    """
    height, width = frame.resized_hw
    if (height, width) == image.shape[:2]:
        return image
    if frame.fit == "pad":
        return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
    channels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float()
    squashed = F.interpolate(channels, (height, width), mode="bilinear", align_corners=False)
    return squashed[0].permute(1, 2, 0).to(torch.uint8).numpy()


def resize_longest_side(
    image: UInt8[np.ndarray, "height width 3"], size: int
) -> UInt8[np.ndarray, "resized_height resized_width 3"]:
    """Scale an image so that its longer side is `size`, as SAM does (`resize_image` with a padded frame)."""
    return resize_image(image, Frame((image.shape[0], image.shape[1]), size))


def normalise_and_pad(images: Sequence[Pixels], config: ModelConfig) -> Float[Tensor, "image 3 height width"]:
    """Make one batch of resized images: normalised by mean and deviation, with zeros below and to the right.

    Args:
        images: resized images that fill up to one shape: see `batches`.
        config: the model that will see them.
    """
    mean = torch.tensor(config.pixel_mean, dtype=torch.float32).view(3, 1, 1)
    deviation = torch.tensor(config.pixel_std, dtype=torch.float32).view(3, 1, 1)
    batch = torch.zeros(len(images), 3, *batch_hw(images, config), dtype=torch.float32)
    for row, image in zip(batch, images, strict=True):
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)  # a copy: images are often read-only
        row[:, : image.shape[0], : image.shape[1]] = (pixels - mean) / deviation
    return batch


def batch_hw(images: Sequence[Pixels], config: ModelConfig) -> tuple[int, int]:
    """Return the size that resized images are filled up to, which must be the same for all."""
    shapes = {_filled_up_hw(image, config) for image in images}
    assert len(shapes) == 1, f"one batch, {len(shapes)} shapes: {sorted(shapes)}"
    return shapes.pop()


def batches(images: Sequence[Pixels], config: ModelConfig) -> list[list[int]]:
    """Group resized images by the shape that they are filled up to; return the numbers of each batch."""
    groups: dict[tuple[int, int], list[int]] = {}
    for number, image in enumerate(images):
        groups.setdefault(_filled_up_hw(image, config), []).append(number)
    return list(groups.values())


def _filled_up_hw(image: Pixels, config: ModelConfig) -> tuple[int, int]:
    """Return the model's square, or the whole tokens that hold the image and as many more as it sees of padding."""
    square = config.image_size
    assert max(image.shape[:2]) <= square, "resize_longest_side comes first"
    if config.padding is None:
        return square, square
    height, width = (-(-side // config.stride) + config.padding for side in image.shape[:2])
    return min(height * config.stride, square), min(width * config.stride, square)
