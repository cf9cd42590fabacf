"""HQ-SAM for code written for segment-anything-hq, which runs by changing its import:

    from hqsam.integrations.segment_anything_hq import SamPredictor, sam_model_registry

Names, arguments, shapes and types are the official ones, and so is the meaning of `multimask_output=True`: of SAM's
three masks for an ambiguous prompt the best, with the HQ mask. `hqsam.integrations.segment_anything` is the same for
Meta's package. New code is better served by `hqsam.load`.
"""

from hqsam.integrations.segment_anything.build_sam_hq import build_sam_hq, sam_hq_model_registry
from hqsam.integrations.segment_anything_hq.automatic_mask_generator import SamAutomaticMaskGenerator
from hqsam.integrations.segment_anything_hq.build_sam import (
    build_sam,
    build_sam_vit_b,
    build_sam_vit_h,
    build_sam_vit_l,
    build_sam_vit_t,
    sam_model_registry,
)
from hqsam.integrations.segment_anything_hq.build_sam_baseline import sam_model_registry_baseline
from hqsam.integrations.segment_anything_hq.modeling import Sam
from hqsam.integrations.segment_anything_hq.predictor import NoImageError, SamPredictor
from hqsam.integrations.segment_anything_hq.utils.transforms import ResizeLongestSide

__all__ = [
    "NoImageError",
    "ResizeLongestSide",
    "Sam",
    "SamAutomaticMaskGenerator",
    "SamPredictor",
    "build_sam",
    "build_sam_hq",
    "build_sam_vit_b",
    "build_sam_vit_h",
    "build_sam_vit_l",
    "build_sam_vit_t",
    "sam_hq_model_registry",
    "sam_model_registry",
    "sam_model_registry_baseline",
]
