"""Conversion of checkpoints between our names for tensors, the official ones and those of transformers."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hqsam import storage
from hqsam.errors import CheckpointError, OptionError, OutputError
from hqsam.model.config import MODELS, ModelConfig
from hqsam.weights.digest import sha256_of_file
from hqsam.weights.identify import Identified, identify
from hqsam.weights.keys import NAMINGS, Naming, from_ours, naming_for
from hqsam.weights.load import locate
from hqsam.weights.read import StoredCheckpoint, read_checkpoint
from hqsam.weights.registry import CHECKPOINTS, Checkpoint
from hqsam.weights.save import write_ours, write_safetensors
from hqsam.weights.transfer import Progress
from hqsam.weights.transformers_config import preprocessor_for, to_transformers

_PICKLES = (".pth", ".pt")


def convert(
    name_or_path: str | Path, target: str | Path, naming: Naming | None = None, on_progress: Progress | None = None
) -> Path:
    """Write a checkpoint under other names for its tensors, whose values stay the same to the bit.

    Args:
        name_or_path: the checkpoint to convert, as `load_model` takes it.
        target: the file or folder to write.
        naming: "hqsam", "official" or "transformers". By default the target decides: `.safetensors` is ours, `.pth`
            and `.pt` are official, and a folder is for transformers.
        on_progress: called while a download runs.

    Returns:
        The path of what was written.

    Raises:
        OptionError: the target's name does not tell the naming, or does not go with it.
        CheckpointError: the checkpoint cannot be read, or the code with those names has no such model.
        OutputError: the target cannot be written; nothing half-written is left.
    """
    target = Path(target)
    naming = naming or _naming_for(target)
    if naming not in NAMINGS:
        raise OptionError(f"unknown naming {naming!r}; choose one of {', '.join(NAMINGS)}")
    storage.check_folder(target.parent)
    stored = read_checkpoint(locate(name_or_path, on_progress))
    identified = identify(stored)
    if naming == "hqsam":
        _write_ours(target, stored, identified)
    elif naming == "official":
        _write_official(target, identified)
    else:
        _write_transformers(target, identified)
    return target


def registered_checkpoint(path: Path) -> Checkpoint | None:
    """Return the row of the table that a file is a copy of, by its hash, or None."""
    size = path.stat().st_size
    rows = [row for row in CHECKPOINTS.values() if row.bytes == size]
    digest = sha256_of_file(path) if rows else None
    return next((row for row in rows if row.sha256 == digest), None)


def _naming_for(target: Path) -> Naming:
    if target.suffix == ".safetensors":
        return "hqsam"
    if target.suffix in _PICKLES:
        return "official"
    if not target.suffix or target.is_dir():
        return "transformers"
    raise OptionError(
        f"{target} has the suffix {target.suffix!r}; give a name in .safetensors for a file of ours, .pth for the "
        "official naming, or a folder for transformers"
    )


def _write_ours(target: Path, stored: StoredCheckpoint, identified: Identified) -> None:
    tensors = {**identified.tensors, **identified.unused}
    if stored.naming == "hqsam":
        provenance = stored.provenance
        licence, notice = stored.header.get("licence", ""), stored.header.get("notice", "")
    else:
        row = registered_checkpoint(stored.path)
        provenance = _provenance(stored, row)
        licence, notice = (row.licence, row.notice) if row else ("", "")
    write_ours(target, tensors, identified.config, provenance=provenance, licence=licence, notice=notice)


def _provenance(stored: StoredCheckpoint, row: Checkpoint | None) -> dict[str, Any]:
    """Return what is known of the origin of a file that has other names than ours."""
    origin = {"origin": row.origin, "url": row.urls[0]} if row else {}
    return {
        "converted_from": stored.path.name,
        "sha256": sha256_of_file(stored.path),
        "naming": stored.naming,
        **origin,
    }


def _write_official(target: Path, identified: Identified) -> None:
    _require_official(identified.config)
    tensors = _theirs(identified, "official")
    if target.suffix == ".safetensors":
        write_safetensors(target, tensors, {"format": "pt"})
        return
    if target.suffix not in _PICKLES:
        raise OptionError(f"{target} cannot be a file with official names: give a name in .pth or .safetensors")
    with storage.replacing(target) as temporary_path, temporary_path.open("wb") as file:
        try:
            # SAM 2's code looks for the tensors under a key.
            is_second = naming_for("official", identified.config) != "official"
            torch.save({"model": tensors} if is_second else tensors, file)
        except RuntimeError as error:  # which is how torch reports a full disk
            raise OutputError(f"cannot write {target}: {error}") from error


def _write_transformers(target: Path, identified: Identified) -> None:
    config = to_transformers(identified.config)
    folder = target.parent if target.suffix == ".safetensors" else target
    file = target if target.suffix == ".safetensors" else target / "model.safetensors"
    write_safetensors(file, _theirs(identified, "transformers"), {"format": "pt"})
    storage.write_text(folder / "config.json", json.dumps(config, indent=2) + "\n")
    storage.write_text(
        folder / "preprocessor_config.json", json.dumps(preprocessor_for(identified.config), indent=2) + "\n"
    )


def _theirs(identified: Identified, naming: Naming) -> Mapping[str, Tensor]:
    # Cloned where a tensor is a part of another: torch.save would write the whole of it.
    tensors = from_ours({**identified.tensors, **identified.unused}, naming_for(naming, identified.config))
    return {
        key: tensor if tensor.untyped_storage().nbytes() == tensor.nbytes else tensor.clone()
        for key, tensor in tensors.items()
    }


def _require_official(config: ModelConfig) -> None:
    """Refuse a model that the official code, which has no configs, cannot build."""
    theirs = [MODELS[name] for name, row in CHECKPOINTS.items() if not row.is_bundled and name in MODELS]
    if not any(row == dataclasses.replace(config, name=row.name) for row in theirs):
        raise CheckpointError(
            f"the official code has no model like {config.name}; convert it to .safetensors, or to a folder for "
            "transformers"
        )
