"""SAM's image encoders: plain ViTs with windows (ViT-B, -L and -H)."""

from hqsam.model.encoders.family import EncoderFamily
from hqsam.model.encoders.vit.config import VitConfig
from hqsam.model.encoders.vit.encoder import Vit
from hqsam.model.encoders.vit.tensor_names import TENSOR_NAMES, outline
from hqsam.model.encoders.vit.transformers_config import TRANSFORMERS

FAMILY = EncoderFamily(
    title="ViT",
    config=VitConfig,
    build=Vit,
    tensor_names=TENSOR_NAMES,
    outline=outline,
    fixed_size=True,
    transformers=TRANSFORMERS,
)
