"""Code written for segment-anything or segment-anything-hq runs by changing its import:

    from hqsam.integrations.segment_anything import SamPredictor, sam_model_registry

Names, arguments, shapes and types are theirs, and so is the meaning of `multimask_output=True`: three masks of a
plain SAM; of an HQ-SAM one, the best of the three with the HQ mask. New code is better served by `hqsam.load`.
"""

from hqsam.integrations.segment_anything.automatic_mask_generator import SamAutomaticMaskGenerator
from hqsam.integrations.segment_anything.build_sam import (
    build_sam,
    build_sam_vit_b,
    build_sam_vit_h,
    build_sam_vit_l,
    build_sam_vit_t,
    sam_model_registry,
    sam_model_registry_baseline,
)
from hqsam.integrations.segment_anything.modeling import Sam
from hqsam.integrations.segment_anything.predictor import NoImageError, SamPredictor
from hqsam.integrations.segment_anything.transforms import ResizeLongestSide

__all__ = [
    "NoImageError",
    "ResizeLongestSide",
    "Sam",
    "SamAutomaticMaskGenerator",
    "SamPredictor",
    "build_sam",
    "build_sam_vit_b",
    "build_sam_vit_h",
    "build_sam_vit_l",
    "build_sam_vit_t",
    "sam_model_registry",
    "sam_model_registry_baseline",
]
