"""Plain SAM by the names of segment-anything-hq."""

from hqsam.integrations.segment_anything.build_sam import (
    build_sam,
    build_sam_vit_b,
    build_sam_vit_h,
    build_sam_vit_l,
    build_sam_vit_t,
)
from hqsam.integrations.segment_anything.build_sam import sam_model_registry as sam_model_registry_baseline

__all__ = [
    "build_sam",
    "build_sam_vit_b",
    "build_sam_vit_h",
    "build_sam_vit_l",
    "build_sam_vit_t",
    "sam_model_registry_baseline",
]
