"""Random numbers of a training step, with a stream of its own for each prompt.

However a batch is cut into processes and micro-batches, prompt number n of a run draws the same numbers. That is what
makes many processes equal one, and a resumed run equal an unbroken one.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hqsam.data.random_streams import random_stream


class PromptRng:
    """Random number generators of N prompts."""

    def __init__(self, generators: Sequence[np.random.Generator], device: torch.device) -> None:
        self.numpy = generators
        self._torch = [torch.Generator(device).manual_seed(int(each.integers(2**62))) for each in generators]
        self.device = device

    @classmethod
    def for_rows(cls, seed: int, rows: Sequence[int], objects: int, device: torch.device) -> "PromptRng":
        """Return the generators of the prompts of some rows of the run, `objects` prompts a row."""
        numbers = [row * objects + index for row in rows for index in range(objects)]
        return cls([random_stream(seed, "training.prompt", number) for number in numbers], device)

    def __len__(self) -> int:
        return len(self.numpy)

    def select(self, chosen: Sequence[int]) -> "PromptRng":
        """Return the generators of some of the prompts."""
        some = PromptRng([], self.device)
        some.numpy, some._torch = [self.numpy[index] for index in chosen], [self._torch[index] for index in chosen]
        return some

    def points(self, count: int) -> Float[Tensor, "prompt point 2"]:
        """Draw points for each prompt, evenly in the unit square."""
        return torch.stack([torch.rand(count, 2, generator=each, device=self.device) for each in self._torch])

    def uniform(self, low: float, high: float) -> Float[np.ndarray, "prompt"]:
        """Draw one number for each prompt."""
        return np.array([each.uniform(low, high) for each in self.numpy])
