"""A run's state on disk: whole or not at all, the last few kept."""

from pathlib import Path
from typing import Any

import torch

from hqsam.errors import OutputError, TrainingError
from hqsam.storage import replacing

_KEPT = 2


def save(folder: Path, step: int, state: dict[str, Any]) -> Path:
    """Write the state under its step, then drop the oldest beyond the last two.

    Raises:
        OutputError: it could not be written; the earlier ones are untouched.
    """
    path = folder / f"step-{step:07d}.ckpt"
    with replacing(path) as temporary_path:
        _write(path, temporary_path, state)
    for old in checkpoints(folder)[:-_KEPT]:
        old.unlink()
    return path


def _write(path: Path, temporary_path: Path, state: dict[str, Any]) -> None:
    try:
        torch.save(state, temporary_path)
    except RuntimeError as error:  # which is how torch reports a full disk
        raise OutputError(f"cannot write {path}: {str(error).splitlines()[0]}; is the disk full?") from error


def checkpoints(folder: Path) -> list[Path]:
    """All that are there, oldest first."""
    return sorted(folder.glob("step-*.ckpt"))


def latest(folder: Path) -> dict[str, Any] | None:
    """The newest state, or None where none is.

    Raises:
        TrainingError: the file cannot be read.
    """
    found = checkpoints(folder)
    if not found:
        return None
    try:
        return torch.load(found[-1], map_location="cpu", weights_only=True)
    except Exception as error:
        raise TrainingError(f"{found[-1]} cannot be read ({error}); remove it to go on from the one before") from error
