"""Checkpoint files with random weights, in our format and in the official one."""

from pathlib import Path

import torch

from hqsam.model.config import MODELS
from hqsam.model.hq_sam import HQSam
from hqsam.weights.convert import convert
from hqsam.weights.save import save_model

SUFFIXES = (".safetensors", ".pth")


def random_checkpoints(model: str, folder: Path) -> dict[str, Path]:
    """Return checkpoint files by suffix, written unless they are there. `nano` needs none: it is in the package."""
    if model == "nano":
        return {}
    files = {suffix: folder / f"{model}{suffix}" for suffix in SUFFIXES}
    if not files[".safetensors"].exists():
        torch.manual_seed(0)
        save_model(HQSam(MODELS[model]).eval(), files[".safetensors"])
    if not files[".pth"].exists():
        convert(files[".safetensors"], files[".pth"])
    return files
