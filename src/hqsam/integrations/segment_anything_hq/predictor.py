"""The predictor at its official path."""

from hqsam.integrations.segment_anything.predictor import NoImageError, SamPredictor

__all__ = ["NoImageError", "SamPredictor"]
