"""EfficientNet-Lite under a feature pyramid: the encoder of `nano`."""

from hqsam.model.encoders.efficientnet_lite.config import EfficientNetLiteConfig
from hqsam.model.encoders.efficientnet_lite.encoder import PyramidEncoder
from hqsam.model.encoders.efficientnet_lite.tensor_names import TENSOR_NAMES, outline
from hqsam.model.encoders.family import EncoderFamily

FAMILY = EncoderFamily(
    title="EfficientNet-Lite",
    config=EfficientNetLiteConfig,
    build=lambda config, image_size, out_channels: PyramidEncoder(config, out_channels),
    tensor_names=TENSOR_NAMES,
    outline=outline,
    fixed_size=False,
)
