"""The table of engines. To add an engine (a runtime), write an `Engine` and add a row to `BACKENDS`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import torch

from hqsam.engines import Engine, LoadedEngine
from hqsam.engines.cpu import CpuEngine
from hqsam.engines.exported.engine import ExportedEngine
from hqsam.engines.exported.graph_file import looks_exported, open_folder
from hqsam.engines.exported.onnxruntime import SUFFIX as ONNX
from hqsam.engines.exported.onnxruntime import OnnxRuntimeGraph
from hqsam.engines.exported.openvino import SUFFIX as OPENVINO
from hqsam.engines.exported.openvino import open_graph
from hqsam.engines.fused.int8 import check_int8
from hqsam.engines.inference import usual_settings
from hqsam.engines.kernels.build import best_kernels
from hqsam.engines.quickest import keep_timing, kept_timing, quickest, time_engines
from hqsam.engines.torch import TorchEngine
from hqsam.errors import CheckpointError, OptionError
from hqsam.graphs.coreml.folder import SUFFIX as COREML
from hqsam.graphs.folder import cached_graphs, has_cached_graphs
from hqsam.hardware import pick_device, pick_precision
from hqsam.model.hq_sam import HQSam
from hqsam.optional import is_installed
from hqsam.weights.load import check_name, load_model
from hqsam.weights.read import SUFFIXES
from hqsam.weights.registry import CHECKPOINTS


@dataclass(frozen=True, kw_only=True)
class Backend:
    """A row of the table of engines."""

    devices: tuple[str, ...] | None
    """Kinds of devices that it runs on; None: any."""
    build: Callable[[HQSam, torch.device, torch.dtype], Engine]
    """Builds an engine from a model, which it does not change."""
    int8: bool = False
    """True if it can compute in int8."""
    recognises: Callable[[Path], bool] = lambda path: False
    """Returns True for a path with a model in a form of its own, such as a graph, of which no `HQSam` is made."""
    open: Callable[[Path, torch.device, torch.dtype], Engine] | None = None
    """Opens a path that it recognises."""
    package: str = "torch"
    """The package that it needs."""
    is_ready: Callable[[HQSam], bool] = lambda model: True
    """Returns True for a model that it can build without exporting it first."""

    def can_build(self, model: HQSam) -> bool:
        """Return True if what it needs is installed, also for the export where that is still to be made."""
        return is_installed(self.package) and (self.is_ready(model) or is_installed("onnxscript"))

    def runs_on(self, device: torch.device) -> bool:
        """Return True if it runs on a device."""
        return self.devices is None or device.type in self.devices


def _build_cpu(model: HQSam, device: torch.device, precision: torch.dtype) -> Engine:
    int8 = precision == torch.int8
    if int8:
        precision = pick_precision("auto", device)
    return CpuEngine(model, precision, best_kernels(precision), int8)


def _open_onnx(folder: Path, device: torch.device, precision: torch.dtype) -> Engine:
    return ExportedEngine(open_folder(folder, ONNX, OnnxRuntimeGraph), "onnxruntime")


def _build_onnx(model: HQSam, device: torch.device, precision: torch.dtype) -> Engine:
    return _open_onnx(cached_graphs(model, "onnx"), device, precision)


def _open_openvino(folder: Path, device: torch.device, precision: torch.dtype) -> Engine:
    graphs = open_folder(folder, OPENVINO, partial(open_graph, precision=precision))
    return ExportedEngine(graphs, f"openvino {precision}".replace("torch.", ""))


def _build_openvino(model: HQSam, device: torch.device, precision: torch.dtype) -> Engine:
    return _open_openvino(cached_graphs(model, "openvino"), device, precision)


BACKENDS: dict[str, Backend] = {
    "cpu": Backend(devices=("cpu",), build=_build_cpu, int8=True),
    "torch": Backend(devices=None, build=TorchEngine),
    "onnxruntime": Backend(
        devices=("cpu",),
        build=_build_onnx,
        recognises=lambda path: looks_exported(path, ONNX),
        open=_open_onnx,
        package="onnxruntime",
        is_ready=partial(has_cached_graphs, file_format="onnx"),
    ),
    "openvino": Backend(
        devices=("cpu",),
        build=_build_openvino,
        recognises=lambda path: looks_exported(path, OPENVINO),
        open=_open_openvino,
        package="openvino",
        is_ready=partial(has_cached_graphs, file_format="openvino"),
    ),
}
"""`torch` is the plain model on any device, `cpu` the same tuned to processors, `onnxruntime` and `openvino` run
exported graphs.

`quickest` times those that are installed, for which the model is exported, and keeps the result in the cache. `auto`
goes by that result if it is there and the graphs are, too, and is else the first that runs: it never begins to export,
which takes minutes, and never takes int8, which is asked for."""


@usual_settings()
def load_engine(
    name_or_path: str | Path, device: torch.device, precision: torch.dtype, backend: str = "auto"
) -> Engine:
    """Load the engine for a model's name, for a checkpoint, or for a path that a backend recognises as its own.

    Raises:
        OptionError: there is no such backend, or it does not run on this device or in this precision.
        CheckpointError: the file is damaged, unsafe or of another model.
        DownloadError: the weights are not here and cannot be fetched.
    """
    check_name(name_or_path)
    engine = _load(name_or_path, device, precision, backend)
    path = Path(name_or_path).expanduser()
    is_file = str(name_or_path) not in CHECKPOINTS and path.exists()
    if isinstance(engine, LoadedEngine):
        engine.origin = load_again, (str(path.absolute()) if is_file else name_or_path, device, precision, backend)
    return engine


@lru_cache(maxsize=2)  # models are large, and workers have one or two
def load_again(
    name_or_path: str | Path, device: torch.device, precision: torch.dtype, backend: str, digest: str
) -> Engine:
    """Load an engine that another process had, once for everything that comes from there.

    Raises:
        CheckpointError: the file holds other weights by now; or it cannot be loaded.
    """
    engine = load_engine(name_or_path, device, precision, backend)
    if engine.digest() != digest:
        raise CheckpointError(f"{name_or_path} holds other weights than when this was pickled; open the images again")
    return engine


@usual_settings()
def build_engine(model: HQSam, device: torch.device, precision: torch.dtype, backend: str = "auto") -> Engine:
    """Build the engine that runs a model on a device; the model stays as it is.

    Raises:
        OptionError: there is no such backend, or it does not run on this device or in this precision.
    """
    check_backend(backend, device, precision)
    if backend == "quickest":
        return _quickest(model, device, precision)
    return BACKENDS[_chosen(backend, device)].build(model, device, precision)


def _quickest(model: HQSam, device: torch.device, precision: torch.dtype) -> Engine:
    """Build the quickest engine, by the timing that is kept, or by a new one."""
    usual, *others = [name for name, row in BACKENDS.items() if row.runs_on(device)]
    others = [name for name in others if name != "torch" and BACKENDS[name].can_build(model)]
    if precision == torch.int8 or not others or _needs_memory(model):
        return BACKENDS[usual].build(model, device, precision)
    seconds = kept_timing(model.config, precision)
    if seconds is not None and {usual, *others} <= set(seconds):
        return BACKENDS[quickest(seconds, usual)].build(model, device, precision)
    engines = {name: BACKENDS[name].build(model, device, precision) for name in (usual, *others)}
    seconds = time_engines(engines)
    keep_timing(model.config, precision, seconds)
    return engines[quickest(seconds, usual)]


def _by_kept_timing(model: HQSam, device: torch.device, precision: torch.dtype) -> str:
    """Return the backend that an earlier timing chose, if it needs no export and no other package; else "auto"."""
    may_change = device.type == "cpu" and precision != torch.int8 and not _needs_memory(model)
    seconds = kept_timing(model.config, precision) if may_change else None
    usual = _chosen("auto", device)
    if not seconds or usual not in seconds or not set(seconds) <= set(BACKENDS):
        return "auto"
    row = BACKENDS[quickest(seconds, usual)]
    return quickest(seconds, usual) if is_installed(row.package) and row.is_ready(model) else "auto"


def _needs_memory(model: HQSam) -> bool:
    """Return True for models that follow objects by a memory of a video, which graphs do not have."""
    return model.config.memory is not None


def _load(name_or_path: str | Path, device: torch.device, precision: torch.dtype, backend: str) -> Engine:
    path = Path(name_or_path).expanduser()
    row = _row_of_path(name_or_path, backend)
    if row is not None and row.open is not None:
        _check_graphs(path, row, device, precision)
        return row.open(path, device, precision)
    check_backend(backend, device, precision)
    if str(name_or_path) not in CHECKPOINTS and path.is_dir():
        _check_no_graphs(path, backend)
    model = load_model(name_or_path)
    if backend == "auto":
        backend = _by_kept_timing(model, device, precision)
    return build_engine(model, device, precision, backend)


def device_for(name_or_path: str | Path, device: str | torch.device, backend: str = "auto") -> torch.device:
    """Return the device for a model: "auto" is the best of this machine that the backend, or a path's own, runs on.

    Raises:
        OptionError: there is no such device, or the name is none.
    """
    check_name(name_or_path)
    picked = pick_device(device)
    row = _row_of_path(name_or_path, backend) or BACKENDS.get(backend)
    if str(device) != "auto" or row is None or row.devices is None or row.runs_on(picked):
        return picked
    return torch.device(row.devices[0])


def _row_of_path(name_or_path: str | Path, backend: str) -> Backend | None:
    """Return the backend that opens a path by itself. A model's name is none, also where a folder is called so."""
    if str(name_or_path) in CHECKPOINTS:
        return None
    path = Path(name_or_path).expanduser()
    rows = [row for name, row in BACKENDS.items() if row.open and backend in ("auto", "quickest", name)]
    return next((row for row in rows if row.recognises(path)), None)


def _check_no_graphs(path: Path, backend: str) -> None:
    """Say what a folder of graphs is that this backend does not open; a checkpoint's is none.

    Raises:
        CheckpointError: it holds graphs of another backend, of other names, or for another program.
    """
    if any(path.glob(f"*{COREML}")):
        raise CheckpointError(
            f"{path} holds packages for Core ML, which hqsam writes and does not run; export with --format onnx or "
            "openvino"
        )
    able = next((name for name, row in BACKENDS.items() if row.recognises(path)), None)
    if able is not None:
        raise CheckpointError(
            f'{path} holds graphs, which backend "{backend}" does not run; take backend="{able}", or leave it out'
        )
    if any(file.suffix in SUFFIXES for file in path.iterdir()):
        return
    if looks_exported(path / "onnx", ONNX):
        raise CheckpointError(
            f"{path} holds graphs for transformers.js, which hqsam does not run; export without --names transformers.js"
        )
    if looks_exported(path / "model", ONNX):
        raise CheckpointError(f"{path} is a page for browsers; its graphs are in {path / 'model'}: give that folder")


def _check_graphs(path: Path, row: Backend, device: torch.device, precision: torch.dtype) -> None:
    if not row.runs_on(device):
        raise OptionError(f'{path} holds graphs, which run on the processor, and this is {device}; take device="cpu"')
    if precision == torch.int8:
        raise OptionError(
            f"{path} holds graphs, which are brought to int8 when they are made (hqsam export --quantize int8); leave "
            'out precision="int8"'
        )


def check_backend(backend: str, device: torch.device, precision: torch.dtype) -> None:
    """Check a choice before anything is loaded for it.

    Raises:
        OptionError: there is no such backend, or it does not run on this device or in this precision.
    """
    if backend not in ("auto", "quickest", *BACKENDS):
        raise OptionError(f"unknown backend {backend!r}; choose one of auto, quickest, {', '.join(BACKENDS)}")
    chosen = _chosen(backend, device)
    row = BACKENDS[chosen]
    if not row.runs_on(device):
        devices = " or ".join(f'device="{kind}"' for kind in row.devices or ())
        raise OptionError(f'backend "{chosen}" does not run on {device}; take {devices}, or backend="torch"')
    if precision != torch.int8:
        return
    if not row.int8:
        raise OptionError(
            f'precision "int8" needs device="cpu" and backend "cpu" or "auto"; this is {device} with backend "{chosen}"'
        )
    check_int8()


def _chosen(backend: str, device: torch.device) -> str:
    if backend not in ("auto", "quickest"):
        return backend
    return next(name for name, row in BACKENDS.items() if row.runs_on(device))
