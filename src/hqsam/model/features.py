"""What the image encoder says about an image."""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor


class ImageFeatures(NamedTuple):
    """The encoder's two outputs, computed once per image."""

    final: Float[Tensor, "image channel height width"]
    """The image embedding that SAM's decoder reads."""
    early: Float[Tensor, "image early_channel early_height early_width"]
    """Features with local detail that the HQ features are fused from (paper, section 3.2)."""
