"""Which weights an engine computes with, and in which precision."""

import hashlib

import torch
from torch import nn

_NUMBERS = 1024
"""Of each tensor: enough to tell two trainings apart, and quick for a model of gigabytes."""


@torch.inference_mode()
def digest_of(model: nn.Module) -> str:
    """A short name for the model's weights as they are in memory; another precision is another name.

    Weights that an engine has packed are not seen; the decoder's, which it never packs, always are.
    """
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        numbers = value.flatten()[:: max(1, value.numel() // _NUMBERS)]
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        digest.update(numbers.double().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]
