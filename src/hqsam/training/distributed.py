"""Distributed training: what one process of a run asks of the others.

A process that was started alone needs nothing but torch. Those that `torchrun` or `accelerate launch` started, on one
machine or on many, find each other through Hugging Face accelerate. Each computes its rows of the batch, and the
gradients are averaged in one message a step: what HQ-SAM trains is a million numbers, so that there is nothing to be
gained from sending them piece by piece while others are still computed.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from hqsam.errors import HqsamError, TrainingError
from hqsam.hardware import pick_device
from hqsam.optional import require


@runtime_checkable
class ProcessGroup(Protocol):
    """The processes of one run, seen from one of them."""

    device: torch.device
    rank: int
    """Number of this process, from 0 on. The first writes for all."""
    world_size: int
    """Number of processes."""

    def all_reduce_mean(self, tensors: Iterable[Tensor]) -> None:
        """Set each tensor to the mean of its values in all processes."""
        ...

    def barrier(self) -> None:
        """Wait until all processes are here."""
        ...

    def run_on_first(self, work: Callable[[], None]) -> None:
        """Let the first process do something that may fail; if it fails, all fail."""
        ...


class SingleProcess:
    """Process group of a run on one process."""

    def __init__(self, device: torch.device | None = None) -> None:
        self.device, self.rank, self.world_size = device or torch.device("cpu"), 0, 1

    def all_reduce_mean(self, tensors: Iterable[Tensor]) -> None:
        del tensors

    def barrier(self) -> None:
        pass

    def run_on_first(self, work: Callable[[], None]) -> None:
        work()


_PATIENCE = timedelta(hours=12)
"""Longest time that a process waits for another in a collective operation. PyTorch's own, ten minutes on GPUs, is less
than the first process takes to check a large data set, or a teacher to answer held-out photos."""


class AccelerateGroup:
    """One of many processes, which accelerate connects."""

    def __init__(self, device: str) -> None:
        accelerate: Any = require("accelerate", extra="train")
        patient = accelerate.utils.InitProcessGroupKwargs(timeout=_PATIENCE)
        self._accelerator = accelerate.Accelerator(cpu=device == "cpu", kwargs_handlers=[patient])
        self.device = self._accelerator.device
        self.rank, self.world_size = self._accelerator.process_index, self._accelerator.num_processes

    def all_reduce_mean(self, tensors: Iterable[Tensor]) -> None:
        tensors = list(tensors)
        if not tensors:
            return
        message = torch.cat([tensor.reshape(-1).float() for tensor in tensors])
        means = self._accelerator.reduce(message, "mean").split([tensor.numel() for tensor in tensors])
        for tensor, mean in zip(tensors, means, strict=True):
            tensor.copy_(mean.view_as(tensor))

    def barrier(self) -> None:
        self._accelerator.wait_for_everyone()

    def close(self) -> None:
        """Leave the group, so that no process waits for this one."""
        self._accelerator.end_training()

    def run_on_first(self, work: Callable[[], None]) -> None:
        problem: HqsamError | None = None
        if self.rank == 0:
            try:
                work()
            except HqsamError as error:
                problem = error
        failed = torch.tensor([float(problem is not None)], device=self.device)
        self.all_reduce_mean([failed])
        if problem is not None:
            raise problem
        if failed.item() > 0:
            raise TrainingError("the first process could not begin; see what it says")


@contextmanager
def process_group(device: str = "auto") -> Iterator[ProcessGroup]:
    """Join the processes that this one was started with, for as long as the block lasts.

    Args:
        device: auto, cpu, cuda or mps; of several processes, accelerate gives each its own device.

    Raises:
        OptionError: this machine has no such device.
        MissingExtra: there are other processes, and accelerate is not installed.
    """
    if not is_distributed():
        yield SingleProcess(pick_device(device))
        return
    group = AccelerateGroup(device)
    yield group
    group.close()


def is_distributed() -> bool:
    """Return whether torchrun or accelerate started this process together with others."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def reduce_metrics(processes: ProcessGroup, metrics: Mapping[str, Tensor]) -> dict[str, float]:
    """Return each metric's mean over all processes, as numbers."""
    values = torch.stack([value.detach().float() for value in metrics.values()])
    processes.all_reduce_mean([values])
    return dict(zip(metrics, values.tolist(), strict=True))
