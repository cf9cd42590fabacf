"""Small layers at their official path."""

from hqsam.integrations.segment_anything.modeling.common import LayerNorm2d, MLPBlock

__all__ = ["LayerNorm2d", "MLPBlock"]
