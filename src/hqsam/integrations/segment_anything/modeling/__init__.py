"""`Sam` and its parts, called and constructed as the official ones are, with the official names of their parameters."""

from hqsam.integrations.segment_anything.modeling.image_encoder import ImageEncoder, ImageEncoderViT, TinyViT
from hqsam.integrations.segment_anything.modeling.mask_decoder import MaskDecoder, MaskDecoderHQ
from hqsam.integrations.segment_anything.modeling.prompt_encoder import PromptEncoder
from hqsam.integrations.segment_anything.modeling.sam import Sam
from hqsam.integrations.segment_anything.modeling.transformer import TwoWayTransformer

__all__ = [
    "ImageEncoder",
    "ImageEncoderViT",
    "MaskDecoder",
    "MaskDecoderHQ",
    "PromptEncoder",
    "Sam",
    "TinyViT",
    "TwoWayTransformer",
]
