"""The decoder's transformer at its official path."""

from hqsam.integrations.segment_anything.modeling.transformer import TwoWayTransformer

__all__ = ["TwoWayTransformer"]
