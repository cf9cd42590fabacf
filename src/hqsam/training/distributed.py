"""One process or many: what a training step has to ask of the others.

A process that was started alone needs nothing but torch. Those that `torchrun` or `accelerate launch` started, on one
machine or on many, find each other through Hugging Face accelerate. Each computes its rows of the batch, and the
gradients are averaged in one message a step: what HQ-SAM trains is a million numbers, so that there is nothing to be
gained from sending them piece by piece while others are still computed.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from hqsam.errors import HqsamError, TrainingError
from hqsam.hardware import pick_device
from hqsam.optional import require


@runtime_checkable
class ProcessGroup(Protocol):
    """All that train together, seen from one of them."""

    device: torch.device
    rank: int
    count: int

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Give each tensor the mean of its values in all processes."""
        ...

    def wait(self) -> None:
        """Until all are here."""
        ...

    def agree(self, work: Callable[[], None]) -> None:
        """Let the first do something that may fail; if it does, all fail."""
        ...


class SingleProcess:
    """The only process."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.rank, self.count = device, 0, 1

    def average(self, tensors: Iterable[Tensor]) -> None:
        del tensors

    def wait(self) -> None:
        pass

    def agree(self, work: Callable[[], None]) -> None:
        work()


class AccelerateGroup:
    """One of many processes."""

    def __init__(self, device: str) -> None:
        accelerate: Any = require("accelerate", extra="train")
        self._accelerator = accelerate.Accelerator(cpu=device == "cpu")
        self.device = self._accelerator.device
        self.rank, self.count = self._accelerator.process_index, self._accelerator.num_processes

    def average(self, tensors: Iterable[Tensor]) -> None:
        tensors = list(tensors)
        if not tensors:
            return
        message = torch.cat([tensor.reshape(-1).float() for tensor in tensors])
        means = self._accelerator.reduce(message, "mean").split([tensor.numel() for tensor in tensors])
        for tensor, mean in zip(tensors, means, strict=True):
            tensor.copy_(mean.view_as(tensor))

    def wait(self) -> None:
        self._accelerator.wait_for_everyone()

    def leave(self) -> None:
        """Take leave of the others, so that none waits for this one."""
        self._accelerator.end_training()

    def agree(self, work: Callable[[], None]) -> None:
        problem: HqsamError | None = None
        if self.rank == 0:
            try:
                work()
            except HqsamError as error:
                problem = error
        failed = torch.tensor([float(problem is not None)], device=self.device)
        self.average([failed])
        if problem is not None:
            raise problem
        if failed.item() > 0:
            raise TrainingError("the first process could not begin; see what it says")


@contextmanager
def process_group(device: str = "auto") -> Iterator[ProcessGroup]:
    """Among the processes that this one was started with, for as long as the block lasts.

    Raises:
        OptionError: this machine has no such device.
        MissingExtra: there are others, and accelerate is not installed.
    """
    if not is_distributed():
        yield SingleProcess(pick_device(device))
        return
    together = AccelerateGroup(device)
    yield together
    together.leave()


def is_distributed() -> bool:
    """Whether this process was started with others, by torchrun or accelerate."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def average_metrics(processes: ProcessGroup, metrics: Mapping[str, Tensor]) -> dict[str, float]:
    """Each metric's mean over all processes, as numbers."""
    values = torch.stack([value.detach().float() for value in metrics.values()])
    processes.average([values])
    return dict(zip(metrics, values.tolist(), strict=True))
