"""TensorBoard: the run's numbers as curves, and its validation as pictures."""

import importlib.util
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from hqsam.optional import require


def is_installed() -> bool:
    """Whether there is a TensorBoard to write for."""
    return importlib.util.find_spec("tensorboard") is not None


class TensorBoard:
    """Writes into a folder what `tensorboard --logdir` shows.

    Raises:
        MissingExtra: TensorBoard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        require("tensorboard", extra="train")
        self._folder = folder

    @cached_property
    def _writer(self) -> Any:  # made with the first point, because until then the folder may be another run's
        from torch.utils.tensorboard.writer import SummaryWriter

        return SummaryWriter(str(self._folder))

    def scalars(self, what: str, step: int, metrics: dict[str, float]) -> None:
        """A point of each curve."""
        for name, value in metrics.items():
            self._writer.add_scalar(f"{what}/{name}", value, step)

    def picture(self, name: str, stage: str, step: int, picture: np.ndarray) -> None:
        """One validation picture."""
        self._writer.add_image(f"{stage}/{name}", picture, step, dataformats="HWC")

    def close(self) -> None:
        """Bring everything to the disk."""
        if "_writer" in self.__dict__:
            self._writer.close()
