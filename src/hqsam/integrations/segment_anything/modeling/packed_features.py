"""Image embeddings with the decoder's skip features in further channels: the official calls pass one tensor."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, cat

from hqsam.model.features import ImageFeatures


def pack(features: ImageFeatures) -> Float[Tensor, "image packed_channel height width"]:
    """Return the image embedding, with the skip features of a model that has them behind its channels.

    A skip feature at twice the embedding's resolution takes four channels for each of its own, at four times sixteen.
    So an embedding can be stored, moved, sliced and joined as one without skip features.
    """
    final = features.final
    if not features.skips:
        return final
    return cat([final, *(F.pixel_unshuffle(skip, skip.shape[-1] // final.shape[-1]) for skip in features.skips)], dim=1)


def unpack(
    packed: Float[Tensor, "image packed_channel height width"], width: int
) -> tuple[Float[Tensor, "image channel height width"], tuple[Float[Tensor, "image _ _ _"], ...]]:
    """Return the embedding, and the skip features that `pack` put behind it, () if there are none.

    Args:
        packed: what the image encoder returned.
        width: channels of the embedding. The decoder halves them twice over while it upscales, to a quarter and an
            eighth, which are the channels of the skip features.
    """
    final, rest = packed[:, :width], packed[:, width:]
    if not rest.shape[1]:
        return final, ()
    half, quarter = rest.split([width // 4 * 4, width // 8 * 16], dim=1)
    return final, (F.pixel_shuffle(half, 2), F.pixel_shuffle(quarter, 4))
