"""Checkpoints on this machine, and whether the network may be used to get others."""

import os
from pathlib import Path

from hqsam.paths import user_cache_folder
from hqsam.weights.registry import CHECKPOINTS, Checkpoint

_BUNDLED = Path(__file__).parent
_YES = {"1", "true", "yes", "on"}


def checkpoint_path(checkpoint: Checkpoint) -> Path:
    """Return the path where a checkpoint is, or would be once downloaded."""
    return (_BUNDLED if checkpoint.is_bundled else user_cache_folder()) / checkpoint.file


def is_available(checkpoint: Checkpoint) -> bool:
    """Return whether a checkpoint can be loaded without a network.

    A file gets its name only after its hash was checked, so its size is enough to recognise it.
    """
    path = checkpoint_path(checkpoint)
    return path.is_file() and checkpoint.bytes in (None, path.stat().st_size)


def available_names() -> list[str]:
    """Return the names of the checkpoints that can be loaded without a network, in the order of the table."""
    return [name for name, checkpoint in CHECKPOINTS.items() if is_available(checkpoint)]


def is_offline() -> bool:
    """Return whether `HQSAM_OFFLINE` or `HF_HUB_OFFLINE` forbids the network."""
    return any(os.environ.get(name, "").lower() in _YES for name in ("HQSAM_OFFLINE", "HF_HUB_OFFLINE"))
