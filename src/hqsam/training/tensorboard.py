"""TensorBoard: a run's metrics as curves, and its validation as images."""

import importlib.util
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from hqsam.optional import require


def is_installed() -> bool:
    """Return whether TensorBoard is installed."""
    return importlib.util.find_spec("tensorboard") is not None


class TensorBoard:
    """Writes a folder that `tensorboard --logdir` shows.

    Raises:
        MissingExtra: TensorBoard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        require("tensorboard", extra="train")
        self._folder = folder

    @cached_property
    def _writer(self) -> Any:  # made with the first point, so that a run that is refused leaves no folder
        from torch.utils.tensorboard.writer import SummaryWriter

        return SummaryWriter(str(self._folder))

    def scalars(self, group: str, step: int, metrics: Mapping[str, float]) -> None:
        """Add a point to each metric's curve."""
        for name, value in metrics.items():
            self._writer.add_scalar(f"{group}/{name}", value, step)

    def image(self, name: str, step: int, image: np.ndarray) -> None:
        """Add an RGB image, uint8 [height, width, 3]."""
        self._writer.add_image(name, image, step, dataformats="HWC")

    def close(self) -> None:
        """Write everything to disk, and close the file."""
        if "_writer" in self.__dict__:
            self._writer.close()
