"""Inference without side effects: on copies of modules, and whatever PyTorch is set to by the program around it."""

import copy
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

import torch
from torch import nn

_Module = TypeVar("_Module", bound=nn.Module)


def inference_copy(module: _Module) -> _Module:
    """Copy a module for inference, without gradients; the original stays as it is.

    Its tensors are shared with the original until they are cast or replaced, so that a copy costs no memory.
    """
    shared: dict[int, object] = {id(buffer): buffer.detach() for buffer in module.buffers()}
    for parameter in module.parameters():
        shared[id(parameter)] = nn.Parameter(parameter.detach(), requires_grad=False)
    return copy.deepcopy(module, shared).eval()


@contextmanager
def inference_state() -> Iterator[None]:
    """Enter inference mode with PyTorch's usual settings."""
    with usual_settings(), torch.inference_mode():
        yield


@contextmanager
def usual_settings() -> Iterator[None]:
    """Undo what the program around has set in PyTorch: without autocast, and with new tensors on the CPU.

    They are settings of this thread, so that other threads keep theirs. The default type of numbers is the whole
    process's and stays as it is: engines name the types of the tensors that they make.
    """
    with ExitStack() as stack:
        for kind in ("cpu", "cuda", "mps"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        yield
