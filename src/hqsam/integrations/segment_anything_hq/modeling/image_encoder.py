"""Image encoders that return their early features as well, as those of segment-anything-hq do."""

from hqsam.integrations.segment_anything.modeling import image_encoder
from hqsam.integrations.segment_anything.modeling.image_encoder import (
    Attention,
    Block,
    ImageEncoder,
    PatchEmbed,
    add_decomposed_rel_pos,
    get_rel_pos,
    window_partition,
    window_unpartition,
)

__all__ = [
    "Attention",
    "Block",
    "ImageEncoder",
    "ImageEncoderViT",
    "PatchEmbed",
    "add_decomposed_rel_pos",
    "get_rel_pos",
    "window_partition",
    "window_unpartition",
]


class ImageEncoderViT(image_encoder.ImageEncoderViT):
    """SAM's ViT with the official constructor; returns the embedding, and the early features in a list."""

    returns_early_features = True
