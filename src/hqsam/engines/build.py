"""Which engine runs a model."""

import torch

from hqsam.engines import Engine
from hqsam.engines.cpu import CpuEngine
from hqsam.engines.fused.int8 import check_int8
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
        OptionError: there is no such backend, or it does not run on this device or in this precision.
    """
    check_backend(backend, device, precision)
    if _chosen(backend, device) == "torch":
        return TorchEngine(model, device, precision)
    int8 = precision == torch.int8
    if int8:
        precision = pick_precision("auto", device)
    return CpuEngine(model, precision, best_kernels(precision), int8)


def check_backend(backend: str, device: torch.device, precision: torch.dtype) -> None:
    """Before anything is loaded for it.

    Raises:
        OptionError: there is no such backend, or it does not run on this device or in this precision.
    """
    if backend not in BACKENDS:
        raise OptionError(f"unknown backend {backend!r}; choose one of {', '.join(BACKENDS)}")
    if backend == "cpu" and device.type != "cpu":
        raise OptionError(f'backend "cpu" does not run on {device}; take device="cpu", or backend="torch"')
    if precision != torch.int8:
        return
    if _chosen(backend, device) != "cpu":
        raise OptionError(
            'precision "int8" needs device="cpu" and backend "cpu" or "auto"; '
            f'this is {device} with backend "{_chosen(backend, device)}"'
        )
    check_int8()


def _chosen(backend: str, device: torch.device) -> str:
    if backend != "auto":
        return backend
    return "cpu" if device.type == "cpu" else "torch"
