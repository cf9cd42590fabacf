"""The features of an image that the encoder hands to the rest of the model."""

from collections.abc import Callable
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor


class ImageFeatures(NamedTuple):
    """The encoder's outputs for a batch of images, computed once per image."""

    final: Float[Tensor, "image channel height width"]
    """The image embedding that SAM's decoder reads."""
    early: Float[Tensor, "image early_channel early_height early_width"]
    """Features with local detail that the HQ features are fused from (paper, section 3.2)."""

    def map(self, change: Callable[[Tensor], Tensor]) -> "ImageFeatures":
        """Return the features with each tensor changed, such as `features.map(lambda x: x[rows])`."""
        return ImageFeatures(*(change(part) for part in self))
