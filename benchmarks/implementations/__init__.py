"""Implementations that are measured: hqsam, and beside it the others that are installed.

Weights are random, and the same for those that read our files or the official ones: the arithmetic takes the same time
whatever the numbers are. The masks mean nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from hqsam.model.config import HIERAS, MODELS, VITS

Point = tuple[int, int]


class Implementation(Protocol):
    """An implementation with one model loaded. Some cannot do all of it, as `ImplementationRow.tasks` says."""

    def open(self, image: np.ndarray) -> Any:
        """Return a session of an RGB array in memory: all that happens once an image."""
        ...

    def click(self, session: Any, point: Point) -> np.ndarray:
        """Return the bool masks of a click in the image's own pixels."""
        ...

    def batch(self, session: Any, boxes: np.ndarray) -> np.ndarray:
        """Return the bool masks of boxes [N, 4] in the image's own pixels."""
        ...

    def stream(self, images: list[np.ndarray], box: np.ndarray) -> int:
        """Return how many pixels the masks of a box have on many images, encoded together where that pays."""
        ...

    def everything(self, image: np.ndarray, points_per_side: int) -> int:
        """Return how many masks are found; none is dropped for its predicted IoU or its stability."""
        ...


@dataclass(frozen=True)
class ImplementationRow:
    """A row of the table of implementations."""

    home: str
    """Module and class; imported only where it is measured."""
    models: tuple[str, ...]
    """Models that it has."""
    package: str
    """Package that it imports."""
    settings: tuple[str, ...] = ()
    """Further arguments of the class, after the model, device and file."""
    suffix: str | None = None
    """Suffix of the checkpoint file that it loads; None: it makes its own weights."""
    tasks: tuple[str, ...] = ("open", "click", "batch")
    needs: str = ""
    """Instructions that the processor must have."""
    also: tuple[str, ...] = ()
    """Further packages that it imports."""

    @property
    def is_ours(self) -> bool:
        return self.package == "hqsam"

    def builder(self) -> Callable[[str, str, Path], Implementation]:
        """Import it, which takes its time, and return a function that loads a model on a device from a file."""
        module, _, name = self.home.partition(":")
        kind = getattr(import_module(f"benchmarks.implementations.{module}"), name)
        return lambda model, device, file: kind(model, device, file, *self.settings)


_ALL = ("open", "click", "batch", "everything")
_TWINS = ("vit_tiny", *VITS)
_SAM_2 = tuple(f"sam2.1_{name}" for name in HIERAS)

_ENGINE = "engine:EngineAlone"
_PARTS = ("encode", "decode")

IMPLEMENTATIONS = {
    "hqsam": ImplementationRow("ours:Ours", tuple(MODELS), "hqsam", ("auto", "auto"), ".safetensors", _ALL),
    "hqsam float32": ImplementationRow("ours:Ours", tuple(MODELS), "hqsam", ("float32", "auto"), ".pth", _ALL),
    "hqsam int8": ImplementationRow(
        "ours:Ours", tuple(MODELS), "hqsam", ("int8", "auto"), ".safetensors", needs="avx512_vnni"
    ),
    "hqsam plain": ImplementationRow("ours:Ours", tuple(MODELS), "hqsam", ("float32", "torch"), ".safetensors"),
    "segment-anything-hq": ImplementationRow(
        "official:SegmentAnythingHq", _TWINS, "segment_anything_hq", suffix=".pth", tasks=_ALL
    ),
    "transformers": ImplementationRow("hugging_face:Transformers", tuple(VITS), "transformers", ("float32",)),
    "transformers bfloat16": ImplementationRow("hugging_face:Transformers", tuple(VITS), "transformers", ("bfloat16",)),
    "sam2": ImplementationRow("official_2:Sam2", _SAM_2, "sam2", ("float32",), tasks=_ALL),
    "sam2 bfloat16": ImplementationRow("official_2:Sam2", _SAM_2, "sam2", ("bfloat16",), tasks=_ALL),
    "transformers 2": ImplementationRow("hugging_face_2:Transformers2", _SAM_2, "transformers", ("float32",)),
    "transformers 2 bfloat16": ImplementationRow("hugging_face_2:Transformers2", _SAM_2, "transformers", ("bfloat16",)),
    # Not the ViTs: turning vit_b into OpenVINO's graph takes 18 GB.
    "openvino": ImplementationRow("graph:OpenVino", ("vit_tiny",), "openvino", ("f32",), ".safetensors", ("open",)),
    "openvino bfloat16": ImplementationRow(
        "graph:OpenVino", ("vit_tiny",), "openvino", ("bf16",), ".safetensors", ("open",)
    ),
    "engine": ImplementationRow(_ENGINE, tuple(MODELS), "hqsam", ("auto", "cpu"), ".safetensors", _PARTS),
    "engine float32": ImplementationRow(_ENGINE, tuple(MODELS), "hqsam", ("float32", "cpu"), ".safetensors", _PARTS),
    "engine int8": ImplementationRow(
        _ENGINE, tuple(MODELS), "hqsam", ("int8", "cpu"), ".safetensors", _PARTS, "avx512_vnni"
    ),
    "engine onnxruntime": ImplementationRow(
        _ENGINE, tuple(MODELS), "hqsam", ("float32", "onnxruntime"), ".safetensors", _PARTS, also=("onnxruntime",)
    ),
    "engine openvino float32": ImplementationRow(
        _ENGINE, tuple(MODELS), "hqsam", ("float32", "openvino"), ".safetensors", _PARTS, also=("openvino",)
    ),
    "engine openvino bfloat16": ImplementationRow(
        _ENGINE, tuple(MODELS), "hqsam", ("bfloat16", "openvino"), ".safetensors", _PARTS, "avx512_bf16", ("openvino",)
    ),
    "engine openvino int8": ImplementationRow(
        _ENGINE, tuple(MODELS), "hqsam", ("int8", "openvino"), ".safetensors", _PARTS, also=("openvino", "nncf")
    ),
}
