"""A model of shapes without values, to be filled from a file."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from hqsam.model.config import ModelConfig
from hqsam.model.hq_sam import HQSam


def meta_model(config: ModelConfig) -> HQSam:
    """The model on the meta device, where nothing is computed and nothing held."""
    with torch.device("meta"), _NoNumbers():
        return HQSam(config)


class _NoNumbers(TorchFunctionMode):
    """Draws no random numbers: on the meta device that does nothing, but imports sympy first, which takes seconds."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.randn:
            return torch.empty(*args, **kwargs)
        if func in _FILLS:
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return func(*args, **kwargs)


_FILLS = (
    Tensor.normal_, Tensor.uniform_,
    nn.init.normal_, nn.init.uniform_, nn.init.trunc_normal_, nn.init.kaiming_uniform_,
)  # fmt: skip
