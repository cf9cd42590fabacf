"""Photos to what the encoder was trained on."""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from hqsam.geometry import Frame
from hqsam.model.config import ModelConfig


def resize_longest_side(
    image: UInt8[np.ndarray, "height width 3"], size: int
) -> UInt8[np.ndarray, "resized_height resized_width 3"]:
    """Scale so that the longer side is `size`, as SAM does: PIL's antialiased bilinear, sides rounded half up."""
    height, width = Frame((image.shape[0], image.shape[1]), size).resized_hw
    if (height, width) == image.shape[:2]:
        return image
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))


def normalise_and_pad(
    images: list[UInt8[np.ndarray, "_ _ 3"]], config: ModelConfig
) -> Float[Tensor, "image 3 size size"]:
    """Resized images to one batch: mean and deviation of the pixels, then zeros below and to the right."""
    mean = torch.tensor(config.pixel_mean).view(3, 1, 1)
    deviation = torch.tensor(config.pixel_std).view(3, 1, 1)
    batch = torch.zeros(len(images), 3, config.image_size, config.image_size)
    for row, image in zip(batch, images, strict=True):
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)  # a copy: photos are often read-only
        row[:, : image.shape[0], : image.shape[1]] = (pixels - mean) / deviation
    return batch
