"""`Sam` and its three parts, which are called as the official ones are and name their parameters as those do.

They are made from a model of ours; the constructors of the official layers have no counterpart here.
"""

from hqsam.integrations.segment_anything.modeling.image_encoder import ImageEncoder
from hqsam.integrations.segment_anything.modeling.mask_decoder import MaskDecoder
from hqsam.integrations.segment_anything.modeling.prompt_encoder import PromptEncoder
from hqsam.integrations.segment_anything.modeling.sam import Sam

__all__ = ["ImageEncoder", "MaskDecoder", "PromptEncoder", "Sam"]
