"""The mask generator at its official path."""

from hqsam.integrations.segment_anything.automatic_mask_generator import SamAutomaticMaskGenerator

__all__ = ["SamAutomaticMaskGenerator"]
