"""The whole model at its official path."""

from hqsam.integrations.segment_anything.modeling.sam import Sam

__all__ = ["Sam"]
