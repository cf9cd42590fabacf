"""Copies of modules for inference, so that no engine changes the model that it is given."""

import copy
from typing import TypeVar

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
