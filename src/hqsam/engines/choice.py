"""Which masks are worth making: a choice from their scores alone."""

from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor

from hqsam.engines import Reading


class Choice(NamedTuple):
    """Some of the candidates 1 to M of N prompts, in order of their prompts."""

    prompt: Int[Tensor, "chosen"]
    candidate: Int[Tensor, "chosen"]
    scores: Float[Tensor, "chosen"]


def choose(scores: Float[Tensor, "prompt candidate"], reading: Reading, least_score: float) -> Choice:
    """The candidates with a score of at least `least_score`: each of them, or the best of each prompt."""
    if reading == "best":
        scores, best = scores.max(dim=1, keepdim=True)
        prompt, column = (scores >= least_score).nonzero(as_tuple=True)
        return Choice(prompt, 1 + best[prompt, 0], scores[prompt, column])
    prompt, column = (scores >= least_score).nonzero(as_tuple=True)
    return Choice(prompt, 1 + column, scores[prompt, column])
