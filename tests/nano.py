"""The bundled model, or where a clone has none yet, one of the same sizes with random weights."""

from pathlib import Path

import torch

from hqsam.model.config import MODELS
from hqsam.model.hq_sam import HQSam
from hqsam.weights import cache
from hqsam.weights.registry import CHECKPOINTS
from hqsam.weights.save import save_model


def nano_file(folder: Path) -> Path:
    """The bundled file; or a stand-in for it, made in `folder`."""
    bundled = cache.checkpoint_path(CHECKPOINTS["nano"])
    if bundled.is_file():
        return bundled
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        save_model(HQSam(MODELS["nano"]), folder / bundled.name, precision=torch.float16)
    return folder / bundled.name
