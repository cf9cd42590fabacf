"""The official path of `ResizeLongestSide`."""

from hqsam.integrations.segment_anything.transforms import ResizeLongestSide

__all__ = ["ResizeLongestSide"]
