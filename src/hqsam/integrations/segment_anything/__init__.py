"""Plain SAM for code written for Meta's segment-anything, which runs by changing its import:

    from hqsam.integrations.segment_anything import SamPredictor, sam_model_registry

Names, arguments, shapes and types are the official ones. `hqsam.integrations.segment_anything_hq` is the same for
segment-anything-hq; here HQ-SAM has the names that Grounded-SAM gives it, `build_sam_hq` and `sam_hq_model_registry`.
New code is better served by `hqsam.load`.
"""

from hqsam.integrations.segment_anything.automatic_mask_generator import SamAutomaticMaskGenerator
from hqsam.integrations.segment_anything.build_sam import (
    build_sam,
    build_sam_vit_b,
    build_sam_vit_h,
    build_sam_vit_l,
    build_sam_vit_t,
    sam_model_registry,
)
from hqsam.integrations.segment_anything.build_sam_hq import (
    build_sam_hq,
    build_sam_hq_vit_b,
    build_sam_hq_vit_h,
    build_sam_hq_vit_l,
    build_sam_hq_vit_t,
    sam_hq_model_registry,
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
    "build_sam_hq",
    "build_sam_hq_vit_b",
    "build_sam_hq_vit_h",
    "build_sam_hq_vit_l",
    "build_sam_hq_vit_t",
    "build_sam_vit_b",
    "build_sam_vit_h",
    "build_sam_vit_l",
    "build_sam_vit_t",
    "sam_hq_model_registry",
    "sam_model_registry",
]
