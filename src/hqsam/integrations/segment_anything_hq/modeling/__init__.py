"""`Sam` and its parts at their official paths; the image encoders return their early features, too."""

from hqsam.integrations.segment_anything_hq.modeling.image_encoder import ImageEncoder, ImageEncoderViT
from hqsam.integrations.segment_anything_hq.modeling.mask_decoder import MaskDecoder
from hqsam.integrations.segment_anything_hq.modeling.mask_decoder_hq import MaskDecoderHQ
from hqsam.integrations.segment_anything_hq.modeling.prompt_encoder import PromptEncoder
from hqsam.integrations.segment_anything_hq.modeling.sam import Sam
from hqsam.integrations.segment_anything_hq.modeling.tiny_vit_sam import TinyViT
from hqsam.integrations.segment_anything_hq.modeling.transformer import TwoWayTransformer

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
