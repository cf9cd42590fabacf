"""The selection of masks that are worth making, from their scores alone."""

from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

MaskSelection = Literal["each", "best"]
"""The masks of an ambiguous prompt: each of SAM's candidates, or the one with the highest score."""


class Selection(NamedTuple):
    """Some of the candidates 1 to M of N prompts, in order of their prompts."""

    prompt: Int[Tensor, "selected"]
    candidate: Int[Tensor, "selected"]
    scores: Float[Tensor, "selected"]


def select_masks(scores: Float[Tensor, "prompt candidate"], selection: MaskSelection, least_score: float) -> Selection:
    """Select the candidates with a score of at least `least_score`: each of them, or the best of each prompt."""
    candidate = torch.arange(1, 1 + scores.shape[1], device=scores.device).expand_as(scores)
    if selection == "best":
        scores, best = scores.max(dim=1, keepdim=True)
        candidate = candidate.gather(1, best)
    prompt, column = (scores >= least_score).nonzero(as_tuple=True)
    return Selection(prompt, candidate[prompt, column], scores[prompt, column])
