"""TinyViT at the path that segment-anything-hq and MobileSAM have for it."""

from hqsam.integrations.segment_anything.modeling.image_encoder import TinyViT

__all__ = ["TinyViT"]
