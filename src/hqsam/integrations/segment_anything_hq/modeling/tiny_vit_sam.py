"""TinyViT that returns its early features as well, as that of segment-anything-hq does."""

from hqsam.integrations.segment_anything.modeling import image_encoder


class TinyViT(image_encoder.TinyViT):
    """TinyViT with the official constructor; returns the embedding, and the early features in a list."""

    returns_early_features = True
