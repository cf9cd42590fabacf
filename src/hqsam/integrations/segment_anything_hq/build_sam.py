"""HQ-SAM by the names of segment-anything-hq."""

from hqsam.integrations.segment_anything.build_sam_hq import build_sam_hq as build_sam
from hqsam.integrations.segment_anything.build_sam_hq import build_sam_hq_vit_b as build_sam_vit_b
from hqsam.integrations.segment_anything.build_sam_hq import build_sam_hq_vit_h as build_sam_vit_h
from hqsam.integrations.segment_anything.build_sam_hq import build_sam_hq_vit_l as build_sam_vit_l
from hqsam.integrations.segment_anything.build_sam_hq import build_sam_hq_vit_t as build_sam_vit_t
from hqsam.integrations.segment_anything.build_sam_hq import sam_hq_model_registry as sam_model_registry

__all__ = [
    "build_sam",
    "build_sam_vit_b",
    "build_sam_vit_h",
    "build_sam_vit_l",
    "build_sam_vit_t",
    "sam_model_registry",
]
