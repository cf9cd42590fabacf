"""Who is measured: hqsam, and beside it the peers that are installed.

Weights are random, and the same for those that read our files or the official ones: the arithmetic takes the same time
whatever the numbers are. The masks mean nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from hqsam.model.config import MODELS, VITS

Point = tuple[int, int]


class Contestant(Protocol):
    """One implementation with one model loaded. Some cannot do all of it, as `Entry.tasks` says."""

    def open(self, image: np.ndarray) -> Any:
        """From an RGB array in memory to a session: all that happens once an image."""
        ...

    def click(self, session: Any, point: Point) -> np.ndarray:
        """From a click to bool masks in the image's own pixels."""
        ...

    def batch(self, session: Any, boxes: np.ndarray) -> np.ndarray:
        """From boxes [N, 4] to as many bool masks in the image's own pixels."""
        ...

    def stream(self, images: list[np.ndarray], box: np.ndarray) -> int:
        """Of many images, encoded together where that pays, the masks of a box: how many pixels they have."""
        ...

    def everything(self, image: np.ndarray, points_per_side: int) -> int:
        """How many masks are kept; no click fails for its predicted IoU or its stability, so every mask is made."""
        ...


@dataclass(frozen=True)
class Entry:
    """A row of the field."""

    home: str
    """Module and class: imported only by those who race it."""
    models: tuple[str, ...]
    """Those of our models that it has, too."""
    package: str
    """The import that it needs."""
    settings: tuple[str, ...] = ()
    """What the class is told beside the model and its file."""
    suffix: str | None = None
    """The kind of checkpoint file that it loads; without one it makes its own weights."""
    tasks: tuple[str, ...] = ("open", "click", "batch")
    needs: str = ""
    """The instructions that a processor must have."""

    @property
    def is_ours(self) -> bool:
        return self.package == "hqsam"

    def builder(self) -> Callable[[str, str, Path], Contestant]:
        """Import it, which takes its time; what comes back loads a model on a device from a file."""
        module, _, name = self.home.partition(":")
        kind = getattr(import_module(f"benchmarks.contestants.{module}"), name)
        return lambda model, device, file: kind(model, device, file, *self.settings)


_ALL = ("open", "click", "batch", "everything")
_TWINS = ("vit_tiny", *VITS)

FIELD = {
    "hqsam": Entry("ours:Ours", tuple(MODELS), "hqsam", ("auto", "auto"), ".safetensors", _ALL),
    "hqsam float32": Entry("ours:Ours", tuple(MODELS), "hqsam", ("float32", "auto"), ".pth", _ALL),
    "hqsam int8": Entry("ours:Ours", tuple(MODELS), "hqsam", ("int8", "auto"), ".safetensors", needs="avx512_vnni"),
    "hqsam plain": Entry("ours:Ours", tuple(MODELS), "hqsam", ("float32", "torch"), ".safetensors"),
    "segment-anything-hq": Entry(
        "official:SegmentAnythingHq", _TWINS, "segment_anything_hq", suffix=".pth", tasks=_ALL
    ),
    "transformers": Entry("hugging_face:Transformers", tuple(VITS), "transformers", ("float32",)),
    "transformers bfloat16": Entry("hugging_face:Transformers", tuple(VITS), "transformers", ("bfloat16",)),
    # Not the ViTs: turning vit_b into OpenVINO's graph takes 18 GB.
    "openvino": Entry("graph:OpenVino", ("vit_tiny",), "openvino", ("f32",), ".safetensors", ("open",)),
    "openvino bfloat16": Entry("graph:OpenVino", ("vit_tiny",), "openvino", ("bf16",), ".safetensors", ("open",)),
}
