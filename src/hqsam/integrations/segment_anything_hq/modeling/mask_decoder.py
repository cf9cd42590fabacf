"""SAM's mask decoder at its official path."""

from hqsam.integrations.segment_anything.modeling.mask_decoder import MLP, MaskDecoder

__all__ = ["MLP", "MaskDecoder"]
