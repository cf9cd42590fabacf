"""Checkpoints of a run on disk: whole or not at all, the last two of each stage kept."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from hqsam.errors import OutputError, TrainingError
from hqsam.storage import replacing

_KEPT = 2


def save(folder: Path, step: int, state: dict[str, Any]) -> Path:
    """Write a checkpoint under its step, then delete the oldest beyond the last two.

    Raises:
        OutputError: it could not be written; the earlier ones are untouched.
    """
    path = folder / f"step-{step:07d}.ckpt"
    with replacing(path) as temporary_path:
        try:
            torch.save(state, temporary_path)
        except RuntimeError as error:  # which is how torch reports a full disk
            raise OutputError(f"cannot write {path}: {str(error).splitlines()[0]}; is the disk full?") from error
    for old in checkpoints(folder)[:-_KEPT]:
        old.unlink()
    return path


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder, oldest first."""
    return sorted(folder.glob("step-*.ckpt"))


def latest(folder: Path) -> dict[str, Any] | None:
    """Read the newest checkpoint; None where there is none.

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


def last_place(folders: Sequence[Path]) -> tuple[int, int]:
    """Return the stage and the step of a run's last checkpoint, of its stages' folders; (-1, 0) where there is none."""
    steps = [[int(path.stem.partition("-")[2]) for path in checkpoints(folder)] for folder in folders]
    return max(((number, max(of_stage)) for number, of_stage in enumerate(steps) if of_stage), default=(-1, 0))
