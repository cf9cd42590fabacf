"""Description and verification of checkpoint files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hqsam.errors import CheckpointError
from hqsam.model.config import ModelConfig
from hqsam.weights.convert import registered_checkpoint
from hqsam.weights.digest import sha256_of_file, sha256_of_tensors
from hqsam.weights.identify import Identified, identify
from hqsam.weights.keys import Naming
from hqsam.weights.load import locate
from hqsam.weights.read import StoredCheckpoint, read_checkpoint
from hqsam.weights.registry import CHECKPOINTS, Checkpoint
from hqsam.weights.transfer import Progress


@dataclass(frozen=True)
class CheckpointInfo:
    """Facts about a checkpoint file: its model, its size, its origin and its terms."""

    path: Path
    naming: Naming
    config: ModelConfig
    bytes: int
    parameters: int
    """Number of parameters of the model, without buffers."""
    hq_parameters: int
    """Number of those parameters that HQ-SAM adds to SAM and trains."""
    precisions: tuple[str, ...]
    """Types of the tensors, such as "float32"."""
    provenance: Mapping[str, Any]
    licence: str
    notice: str
    unused: tuple[str, ...]
    """Names of tensors that the file holds and the model does not use."""

    @property
    def model(self) -> str:
        """The model's name."""
        return self.config.name


@dataclass(frozen=True)
class Verification:
    """Result of a successful verification of a checkpoint file."""

    path: Path
    model: str
    sha256: str
    registered_as: str | None
    """Name of the checkpoint of the table that the file is a copy of, to the byte; None for any other file."""
    checked: tuple[str, ...]
    """Sentences that say which checks were made."""


def inspect_checkpoint(name_or_path: str | Path, on_progress: Progress | None = None) -> CheckpointInfo:
    """Describe a checkpoint without reading the values of its tensors.

    Args:
        name_or_path: the checkpoint, as `load_model` takes it.
        on_progress: called while a download runs.

    Raises:
        CheckpointError: it cannot be read, or is no model that we know.
    """
    stored = read_checkpoint(locate(name_or_path, on_progress))
    identified = identify(stored)
    model = identified.empty_model
    return CheckpointInfo(
        path=stored.path,
        naming=stored.naming,
        config=identified.config,
        bytes=stored.path.stat().st_size,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        hq_parameters=sum(parameter.numel() for part in model.hq_parts() for parameter in part.parameters()),
        precisions=tuple(sorted({str(tensor.dtype).removeprefix("torch.") for tensor in stored.tensors.values()})),
        provenance=stored.provenance,
        licence=stored.header.get("licence", ""),
        notice=stored.header.get("notice", ""),
        unused=tuple(identified.unused),
    )


def verify_checkpoint(name_or_path: str | Path, on_progress: Progress | None = None) -> Verification:
    """Read a checkpoint to the end, and check its hash, the names and shapes of its tensors, and their values.

    Args:
        name_or_path: the checkpoint, as `load_model` takes it.
        on_progress: called while a download runs.

    Raises:
        CheckpointError: it is damaged, of another model than it says, or holds NaN or infinity.
    """
    stored = read_checkpoint(locate(name_or_path, on_progress))
    identified = identify(stored)
    checked = ["every tensor of the model is there, in its shape, and no other"]
    _require_finite(stored, identified)
    checked.append("all values are finite")
    if stored.naming == "hqsam":
        _require_own_digest(stored)
        checked.append("the digest in its header is right")
    row = registered_checkpoint(stored.path)
    _require_published(stored.path, row, CHECKPOINTS.get(str(name_or_path)))
    if row:
        checked.append(f"it is {row.file} as published, to the byte")
    return Verification(
        stored.path, identified.config.name, sha256_of_file(stored.path), row.name if row else None, tuple(checked)
    )


def _require_published(path: Path, row: Checkpoint | None, asked: Checkpoint | None) -> None:
    """Refuse a file that stands for a checkpoint of the table, and is not what was published."""
    if asked is not None and asked.sha256 and row != asked:
        raise CheckpointError(
            f"{path} is not {asked.name} as published: its SHA-256 is {sha256_of_file(path)}, expected {asked.sha256}; "
            f"delete it, and `hqsam weights fetch {asked.name}` gets it again"
        )


def _require_finite(stored: StoredCheckpoint, identified: Identified) -> None:
    broken = [key for key, tensor in identified.tensors.items() if not tensor.isfinite().all()]
    if broken:
        raise CheckpointError(f"{stored.path} is damaged: NaN or infinity in {', '.join(broken[:6])}")


def _require_own_digest(stored: StoredCheckpoint) -> None:
    said, found = stored.header.get("sha256"), sha256_of_tensors(stored.tensors)
    if said != found:
        raise CheckpointError(f"{stored.path} is damaged: its tensors have the digest {found}, its header says {said}")
