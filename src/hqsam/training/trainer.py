"""What learns and how: a model, its optimisers and the running average of its weights, at some step."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hqsam.data.loader import Batch
from hqsam.errors import TrainingError
from hqsam.model.features import ImageFeatures
from hqsam.model.hq_sam import HQSam
from hqsam.training.batch_source import StepInput
from hqsam.training.config import StageConfig
from hqsam.training.distributed import ProcessGroup, average_metrics
from hqsam.training.encoding import encoder_of
from hqsam.training.optimiser import EMA, optimisers, rate_at
from hqsam.training.prompt_rng import PromptRng
from hqsam.training.step import Metrics, training_loss
from hqsam.training.trainable import merge_lora, set_trainable, trainable_weights

Turn = tuple[Sequence[int], StepInput]
"""Some rows of a step and what they hold."""


class Trainer:
    """Takes one step after the other. In every process the weights are the same."""

    def __init__(
        self, model: HQSam, config: StageConfig, steps: int, seed: int, precision: torch.dtype, processes: ProcessGroup
    ) -> None:
        self.model, self.config, self.steps, self.seed = model.to(processes.device), config, steps, seed
        self.precision, self.processes = precision, processes
        torch.manual_seed(seed)
        self.trained = set_trainable(self.model, config).to(processes.device)
        self.parameters = [parameter for parameter in self.trained.parameters() if parameter.requires_grad]
        self.optimisers = optimisers(self.trained, config)
        self.average = EMA(trainable_weights(self.model, self.trained), config.average)
        self.encode = encoder_of(self.model, precision)
        self.done = 0

    def compile(self) -> None:
        """Let torch compile what is run in each step."""
        self.model.mask_decoder.compile()
        for part in self.model.hq_parts():
            for module in part.children():
                module.compile()

    def step(self, turns: Iterable[Turn]) -> dict[str, float]:
        """Learn from this process's rows of a step, in one turn or in several; the metrics of all processes' rows.

        Raises:
            TrainingError: the loss or its gradient is not a number; the weights are as they were.
        """
        torch.manual_seed(self.seed + self.done)
        self.model.eval()
        self.trained.train()
        self._forget_gradients()
        metrics: Metrics = {}
        for rows, given in turns:
            share = len(rows) * self.processes.count / self.config.sampling.batch_size
            loss, found = self._loss(rows, given)
            (share * loss).backward()
            for name, value in {"loss": loss.detach(), **found}.items():
                metrics[name] = metrics.get(name, 0) + share * value
        values = average_metrics(self.processes, metrics)
        return values | {"norm": self._move(values["loss"])}

    def _loss(self, rows: Sequence[int], given: StepInput) -> tuple[Tensor, Metrics]:
        device = self.processes.device
        parts: list[Any] = [None if part is None else part.to(device) for part in given.batch]
        batch = Batch(*parts)
        draws = PromptRng.for_rows(self.seed, rows, batch.tokens.shape[1], device)
        with torch.autocast(device.type, torch.bfloat16, enabled=self.precision == torch.bfloat16):
            if given.features is None:
                features = self.encode(batch.images)
            else:
                features = ImageFeatures(*(part.to(device, self.precision) for part in given.features))
            return training_loss(self.model, features, batch, self.config.trains, self._rounds(), draws)

    def _rounds(self) -> int:
        random = np.random.default_rng((self.seed, self.done, 1))
        return 1 + int(random.choice(len(self.config.rounds), p=self.config.rounds))

    def _forget_gradients(self) -> None:
        # Zeros, not None: what has no gradient in one process may have one in another.
        for parameter in self.parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            else:
                parameter.grad.zero_()

    def _move(self, loss: float) -> float:
        gradients: list[Any] = [parameter.grad for parameter in self.parameters]
        self.processes.average(gradients)
        norm = float(nn.utils.clip_grad_norm_(self.parameters, self.config.clip or math.inf))
        if not math.isfinite(loss) or not math.isfinite(norm):
            raise TrainingError(
                f"the loss is {loss} and its gradient {norm} at step {self.done + 1} of stage {self.config.name!r}; "
                "a lower learning rate may help: --set stages.0.learning_rate=..."
            )
        rate = self.config.learning_rate * rate_at(self.done, self.config, self.steps)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.step()
        self.processes.average(buffer for buffer in self.trained.buffers() if buffer.is_floating_point())
        self.average.update(trainable_weights(self.model, self.trained), self.done)
        self.done += 1
        return norm

    def state_dict(self) -> dict[str, Any]:
        """All that a killed run needs to go on from here; rows and randomness follow from the step."""
        return {
            "step": self.done,
            "model": trainable_weights(self.model, self.trained),
            "average": self.average.weights,
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Be as the one that gave this state."""
        self.done = state["step"]
        with torch.no_grad():
            for name, value in trainable_weights(self.model, self.trained).items():
                value.copy_(state["model"][name])
                self.average.weights[name].copy_(state["average"][name])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)

    def result(self) -> HQSam:
        """A model with the averaged weights, and LoRA's additions merged."""
        weights = trainable_weights(self.model, self.trained)
        own = {name: value.clone() for name, value in weights.items()}
        try:
            _put(self.average.weights, weights)
            return merge_lora(self.model)
        finally:
            _put(own, weights)


@torch.no_grad()
def _put(values: dict[str, Tensor], into: dict[str, Tensor]) -> None:
    for name, value in values.items():
        into[name].copy_(value)
