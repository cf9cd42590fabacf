"""Digests that identify weights: of a file's bytes, or of the tensors whatever file they lie in."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

_CHUNK_BYTES = 1 << 22
_NUMBERS_PER_TENSOR = 1024
"""Enough to tell two trainings apart, and quick for a model of gigabytes."""


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def sha256_of_tensors(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of names, types, shapes and values, in hexadecimal; their order does not matter."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        # As bytes, because numpy knows no bfloat16; through one dimension, because a scalar cannot be viewed so.
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


@torch.inference_mode()
def digest_of_model(model: nn.Module) -> str:
    """Return a short digest of a model's weights as they are in memory, from a sample of their values.

    The same weights in another precision have another digest.
    """
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        numbers = value.flatten()[:: max(1, value.numel() // _NUMBERS_PER_TENSOR)]
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        digest.update(numbers.double().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]
