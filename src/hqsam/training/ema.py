"""EMA: the exponential moving average of the weights, which is what training returns."""

from collections.abc import Mapping

import torch
from torch import Tensor


class EMA:
    """Exponential moving average of weights: quick at first, so that it forgets where they began."""

    def __init__(self, weights: Mapping[str, Tensor], decay: float) -> None:
        """Start the average at the weights; a `decay` of 0 keeps the last ones."""
        self.weights = {name: value.detach().clone() for name, value in weights.items()}
        self.decay = decay

    @torch.no_grad()
    def update(self, weights: Mapping[str, Tensor], step: int) -> None:
        """Move the average towards the weights after step number `step`."""
        decay = min(self.decay, (1 + step) / (10 + step)) if self.decay else 0.0
        for name, value in weights.items():
            if value.is_floating_point():
                self.weights[name].lerp_(value, 1 - decay)
            else:
                self.weights[name].copy_(value)
