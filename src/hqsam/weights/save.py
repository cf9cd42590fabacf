"""Saving of models as safetensors files whose header has the config, the origin and the terms."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from hqsam import storage
from hqsam.errors import OutputError
from hqsam.model.config import ModelConfig
from hqsam.model.hq_sam import HQSam
from hqsam.weights.digest import sha256_of_tensors
from hqsam.weights.read import FORMAT


def save_model(
    model: HQSam,
    path: str | Path,
    *,
    provenance: Mapping[str, Any] | None = None,
    licence: str = "",
    notice: str = "",
    precision: torch.dtype = torch.float32,
) -> None:
    """Write a model to a file; `load_model` reads it back, in float32.

    Args:
        model: the model to save.
        path: the file to write, in `.safetensors`.
        provenance: data, recipe, seed, commit, or anything else that JSON can hold.
        licence: licence of the weights, for readers who have the file alone.
        notice: further terms that a user of the weights must know.
        precision: type of the floating-point numbers in the file; float16 halves its size.

    Raises:
        OutputError: it cannot be written; nothing half-written is left.
    """
    tensors = {
        key: value.to("cpu", precision) if value.is_floating_point() else value.cpu()
        for key, value in model.state_dict().items()
    }
    write_ours(path, tensors, model.config, provenance=provenance, licence=licence, notice=notice)


def write_ours(
    path: str | Path,
    tensors: Mapping[str, Tensor],
    config: ModelConfig,
    *,
    provenance: Mapping[str, Any] | None = None,
    licence: str = "",
    notice: str = "",
) -> None:
    """Write tensors that have our names to a file of ours, with their config and origin in its header.

    Raises:
        OutputError: the file cannot be written; nothing half-written is left.
    """
    header = {
        "format": FORMAT,
        "model": config.name,
        "config": json.dumps(config.to_dict()),
        "provenance": json.dumps(provenance or {}, ensure_ascii=False),
        "licence": licence,
        "notice": notice,
        "sha256": sha256_of_tensors(tensors),
    }
    write_safetensors(path, tensors, header)


def write_safetensors(path: str | Path, tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> None:
    """Write tensors to a safetensors file, whole or not at all, with a header of plain strings.

    Raises:
        OutputError: the file cannot be written; nothing half-written is left.
    """
    whole = {key: tensor.detach().contiguous() for key, tensor in tensors.items()}
    with storage.replacing(path) as temporary_path:
        try:
            save_file(whole, temporary_path, metadata=dict(header))
        except SafetensorError as error:  # a full disk, for example
            raise OutputError(f"cannot write {path}: {error}") from error
