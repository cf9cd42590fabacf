"""The prompt encoder at its official path."""

from hqsam.integrations.segment_anything.modeling.prompt_encoder import PositionEmbeddingRandom, PromptEncoder

__all__ = ["PositionEmbeddingRandom", "PromptEncoder"]
