"""HQ-SAM's mask decoder at the path that its forks have for it."""

from hqsam.integrations.segment_anything.modeling.mask_decoder import MaskDecoderHQ

__all__ = ["MaskDecoderHQ"]
