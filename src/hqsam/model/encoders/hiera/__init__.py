"""Hiera under a feature pyramid: the image encoder of SAM 2."""

from hqsam.model.encoders.family import EncoderFamily
from hqsam.model.encoders.hiera.config import HieraConfig
from hqsam.model.encoders.hiera.encoder import HieraEncoder
from hqsam.model.encoders.hiera.tensor_names import TENSOR_NAMES, outline
from hqsam.model.encoders.hiera.transformers_config import TRANSFORMERS

FAMILY = EncoderFamily(
    title="Hiera",
    config=HieraConfig,
    build=lambda config, image_size, out_channels: HieraEncoder(config, out_channels),
    tensor_names=TENSOR_NAMES,
    outline=outline,
    fixed_size=True,
    transformers=TRANSFORMERS,
)
