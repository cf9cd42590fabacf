"""TinyViT: the encoder of `nano`, of HQ-SAM's tiny model and of MobileSAM."""

from hqsam.model.encoders.family import EncoderFamily
from hqsam.model.encoders.tiny_vit.config import TinyVitConfig
from hqsam.model.encoders.tiny_vit.encoder import TinyVit
from hqsam.model.encoders.tiny_vit.tensor_names import TENSOR_NAMES, outline

FAMILY = EncoderFamily(
    title="TinyViT",
    config=TinyVitConfig,
    build=lambda config, image_size, out_channels: TinyVit(config, out_channels),
    tensor_names=TENSOR_NAMES,
    outline=outline,
    fixed_size=False,
)
