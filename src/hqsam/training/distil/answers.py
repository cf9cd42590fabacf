"""A teacher's answers to the prompts of a batch, as a student learns from them."""

from typing import NamedTuple

import torch
from jaxtyping import Float, UInt8
from torch import Tensor


class TaughtMasks(NamedTuple):
    """A teacher's masks for N prompts, mask 0 and the candidates in their order, with its scores."""

    inside: UInt8[Tensor, "prompt mask height width"]
    """Probability that a pixel is inside, 0 to 255: the sigmoid of the logits."""
    scores: Float[Tensor, "prompt mask"]
    """The IoU that the teacher predicts of each mask."""

    def select(self, prompts: Tensor) -> "TaughtMasks":
        """Return the masks of some of the prompts."""
        return TaughtMasks(self.inside[prompts], self.scores[prompts])


class TeacherAnswers(NamedTuple):
    """Image embeddings and masks by a teacher, for a batch of B images with P prompts each."""

    final: Float[Tensor, "image channel height width"]
    inside: UInt8[Tensor, "image object mask mask_height mask_width"]
    scores: Float[Tensor, "image object mask"]

    def to(self, device: torch.device) -> "TeacherAnswers":
        """Return the answers on a device."""
        return TeacherAnswers(*(part.to(device) for part in self))

    @property
    def masks(self) -> TaughtMasks:
        """The masks of all prompts, image after image."""
        return TaughtMasks(self.inside.flatten(0, 1), self.scores.flatten(0, 1))
