"""HQ-SAM's mask decoder at its official path."""

from hqsam.integrations.segment_anything.modeling.mask_decoder import MLP, MaskDecoderHQ

__all__ = ["MLP", "MaskDecoderHQ"]
