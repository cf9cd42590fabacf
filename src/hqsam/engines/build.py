"""Which engine runs a model."""

import torch

from hqsam.engines import Engine
from hqsam.engines.cpu import CpuEngine
from hqsam.engines.folded.int8 import check_int8
from hqsam.engines.kernels.build import best_kernels
from hqsam.engines.torch import TorchEngine
from hqsam.errors import OptionError
from hqsam.hardware import pick_precision
from hqsam.model.hq_sam import HQSam

BACKENDS = ("auto", "torch", "cpu")
"""`torch` is the plain model on any device, `cpu` the same tuned to processors; `auto` is `cpu` on a CPU."""


def build_engine(model: HQSam, device: torch.device, precision: torch.dtype, backend: str = "auto") -> Engine:
    """The engine that runs `model` on `device`.

    Raises:
        OptionError: there is no such backend, or it does not run on this device.
    """
    check_backend(backend)
    if backend == "auto":
        backend = "cpu" if device.type == "cpu" else "torch"
    if precision == torch.int8 and backend != "cpu":
        raise OptionError(
            f'precision "int8" is for processors; {device} with backend "{backend}" has float32, bfloat16'
        )
    if backend == "torch":
        return TorchEngine(model, device, precision)
    if device.type != "cpu":
        raise OptionError(f'backend "{backend}" does not run on {device}; take device="cpu", or backend="torch"')
    int8 = precision == torch.int8
    if int8:
        check_int8()
        precision = pick_precision("auto", device)
    return CpuEngine(model, precision, best_kernels(precision), int8)


def check_backend(backend: str) -> None:
    """Before anything is loaded for it.

    Raises:
        OptionError: there is no such backend.
    """
    if backend not in BACKENDS:
        raise OptionError(f"unknown backend {backend!r}; choose one of {', '.join(BACKENDS)}")
