"""Image encoders: one file per family, chosen by the type of the config."""

from torch import nn

from hqsam.model.config import ModelConfig, VitConfig
from hqsam.model.encoders.tiny_vit import TinyVit
from hqsam.model.encoders.vit import Vit


def build_encoder(config: ModelConfig) -> nn.Module:
    """The encoder that a config describes: images in, `ImageFeatures` out."""
    family = Vit if isinstance(config.encoder, VitConfig) else TinyVit
    return family(config.encoder, image_size=config.image_size, out_channels=config.width)
