"""Reading of checkpoint files: memory-mapped tensors under the names of the file. No code in it is run."""

import json
import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from hqsam.errors import CheckpointError, DataWarning
from hqsam.weights.keys import Naming, is_transformers, naming_of

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")
FORMAT = "hqsam"
"""Value of the header entry `format` in files of ours."""

_SHARDS = "model.safetensors.index.json"
_WRAPPER_KEYS = ("model", "state_dict", "model_state_dict", "module", "model_state")
_PREFIXES = ("module.", "sam.")
"""What torch's DataParallel, and micro-sam's training, put before all names."""
_DAMAGED = (
    *(RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError, AssertionError),
    *(ArithmeticError, MemoryError, struct.error, zipfile.BadZipFile),
)
"""Exceptions that torch raises when the bytes are no checkpoint of its own."""

_FOREIGN = {
    "output_hypernetworks_mlps.": (
        "this is a mask decoder alone, as the official training script saves it; put `mask_decoder.` before its "
        "names and add them to the SAM checkpoint that it was trained on"
    ),
}
"""Explanations of checkpoints that cannot be read, by the beginning of a tensor's name."""


@dataclass(frozen=True)
class StoredCheckpoint:
    """The tensors of a checkpoint file, and what it says about itself."""

    path: Path
    naming: Naming
    tensors: Mapping[str, Tensor]
    """Tensors under the names of the file; their values are read from the disk when they are used."""
    header: Mapping[str, str]
    """Metadata in the header of a safetensors file."""
    transformers_config: Mapping[str, Any] | None = None
    """Content of the `config.json` beside a file with transformers' names."""

    @property
    def provenance(self) -> Mapping[str, Any]:
        """The origin that a file of ours states; empty for other files."""
        try:
            return json.loads(self.header.get("provenance") or "{}")
        except ValueError as error:
            raise CheckpointError(f"{self.path} has a damaged header: {error}") from error


def read_checkpoint(path: Path) -> StoredCheckpoint:
    """Open a checkpoint file of torch or safetensors, or the one in a folder.

    Raises:
        CheckpointError: there is none, it is damaged, holds code, or is not of a SAM.
    """
    file = _file_in(path) if path.is_dir() else path
    tensors, header = read_tensors(file)
    naming = "hqsam" if header.get("format") == FORMAT else naming_of(tensors)
    if naming is None:
        raise CheckpointError(f"{file} is no SAM or HQ-SAM checkpoint: {_describe_foreign(tensors)}")
    config = _json(file.with_name("config.json")) if is_transformers(naming) else None
    return StoredCheckpoint(file, naming, tensors, header, config)


def read_tensors(file: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read the tensors of any state dict, and the header of a safetensors file.

    Raises:
        CheckpointError: it cannot be read, is damaged, or holds code.
    """
    try:
        tensors, header = _read(file)
    except OSError as error:
        raise CheckpointError(f"cannot read {file}: {error.strerror or error}") from error
    for prefix in _PREFIXES:
        if tensors and all(key.startswith(prefix) for key in tensors):
            tensors = {key.removeprefix(prefix): tensor for key, tensor in tensors.items()}
    return tensors, header


def _file_in(folder: Path) -> Path:
    for name in ("model.safetensors", _SHARDS):
        if (folder / name).is_file():
            return folder / name
    for suffix in SUFFIXES:
        found = sorted(folder.glob(f"*{suffix}"))
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise CheckpointError(f"{folder} holds several checkpoints; name one of them: {names}")
        if found:
            return found[0]
    raise CheckpointError(f"{folder} holds no checkpoint: no file that ends in {', '.join(SUFFIXES)}")


def _read(file: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    if file.name == _SHARDS:
        shards = sorted({Path(name).name for name in (_json(file) or {}).get("weight_map", {}).values()})
        parts = [_read_safetensors(file.with_name(name))[0] for name in shards]
        return {key: tensor for part in parts for key, tensor in part.items()}, {}
    with file.open("rb") as opened:
        beginning = opened.read(64)
    if beginning[8:9] == b"{":
        return _read_safetensors(file)
    if beginning.startswith(b"PK\x03\x04") and not _is_zip(file):
        raise CheckpointError(f"{file} is truncated: its end is missing or damaged. Fetch it again")
    if beginning.startswith((b"PK\x03\x04", b"\x80")):
        return _read_torch(file), {}
    raise CheckpointError(f"{file} is no checkpoint: {_describe_bytes(beginning)}")


def _read_safetensors(file: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(file, framework="pt") as opened:
            return {key: opened.get_tensor(key) for key in opened.keys()}, opened.metadata() or {}  # noqa: SIM118
    except SafetensorError as error:
        raise CheckpointError(f"{file} is damaged or truncated ({error}). Fetch it again") from error


def _read_torch(file: Path) -> dict[str, Tensor]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about old file formats, which are no concern of the user's
            loaded = torch.load(file, map_location="cpu", weights_only=True, mmap=_is_zip(file))
    except pickle.UnpicklingError as error:
        # Not torch's own words: they advise to switch the protection off.
        asked = re.search(r"GLOBAL (\S+)", str(error))
        raise CheckpointError(
            f"{file} was refused: it is damaged, or holds more than plain tensors"
            f"{f' (it asks for {asked[1]})' if asked else ''}, which could be harmful code. If you trust it, save its "
            "state dict alone: torch.save(model.state_dict(), ...)"
        ) from error
    except _DAMAGED as error:
        raise CheckpointError(f"{file} is damaged or truncated ({_first_line(error)}). Fetch it again") from error
    return _unwrapped(loaded, file)


def _unwrapped(loaded: object, file: Path) -> dict[str, Tensor]:
    """Return the state dict, which is the whole file or, as training scripts save it, an entry of it."""
    entries = dict(loaded) if isinstance(loaded, Mapping) else {}
    for candidate in (loaded, *(entries.get(key) for key in _WRAPPER_KEYS)):
        if state_dict := _state_dict(candidate):
            if "decoder_state" in entries:
                message = "its decoder_state, micro-sam's decoder for automatic segmentation, is not used"
                warnings.warn(DataWarning(f"{file}: {message}; the SAM in it is"), stacklevel=2)
            return state_dict
    what = f"the entries {', '.join(map(str, list(entries)[:8]))}" if entries else f"a {type(loaded).__name__}"
    raise CheckpointError(
        f"{file} holds {what}, and no state dict; expected names and tensors, perhaps under one of the keys "
        f"{', '.join(_WRAPPER_KEYS)}"
    )


def _state_dict(candidate: object) -> dict[str, Tensor]:
    """Return the candidate if it is a state dict, else an empty one."""
    entries = dict(candidate) if isinstance(candidate, Mapping) else {}
    right = all(isinstance(key, str) and isinstance(value, Tensor) for key, value in entries.items())
    return entries if right else {}


def _describe_bytes(beginning: bytes) -> str:
    if not beginning:
        return "it is empty"
    if beginning.startswith(b"version https://git-lfs"):
        return "it is a pointer of Git LFS; fetch the file itself with `git lfs pull`"
    if beginning.lstrip().startswith(b"<"):
        return "it is a web page, perhaps an error page saved in place of the download"
    return f"it begins with {beginning[:8]!r}, as neither torch nor safetensors files do"


def _describe_foreign(tensors: Mapping[str, Tensor]) -> str:
    for prefix, meaning in _FOREIGN.items():
        if any(key.startswith(prefix) for key in tensors):
            return meaning
    return f"its {len(tensors)} tensors have names such as {', '.join(list(tensors)[:3])}"


def _json(path: Path) -> dict[str, Any] | None:
    try:
        values = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    except ValueError as error:
        raise CheckpointError(f"{path} is damaged: {error}") from error
    if values is not None and not isinstance(values, dict):
        raise CheckpointError(f"{path} is damaged: it holds a {type(values).__name__}, not an object")
    return values


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _is_zip(file: Path) -> bool:
    """Return whether a file is a zip archive; on a damaged index Python may raise instead of answering."""
    try:
        return zipfile.is_zipfile(file)
    except zipfile.BadZipFile:
        return False
