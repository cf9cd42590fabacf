"""`ResizeLongestSide` at its official path."""

from hqsam.integrations.segment_anything.transforms import ResizeLongestSide

__all__ = ["ResizeLongestSide"]
