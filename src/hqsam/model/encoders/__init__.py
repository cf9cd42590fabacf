"""Image encoders: one file per family, chosen by the type of the config."""

from hqsam.model.config import ModelConfig, VitConfig
from hqsam.model.encoders.tiny_vit import TinyVit
from hqsam.model.encoders.vit import Vit


def build_encoder(config: ModelConfig) -> Vit | TinyVit:
    """The encoder that a config describes: images in, `ImageFeatures` out."""
    if isinstance(config.encoder, VitConfig):
        assert config.padding is None, "a ViT has a position for each place of the square"
        return Vit(config.encoder, config.image_size, config.width)
    return TinyVit(config.encoder, config.width)
