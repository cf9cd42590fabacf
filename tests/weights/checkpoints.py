"""Small checkpoints of every naming."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from hqsam.model.config import MODELS
from hqsam.weights.keys import from_ours
from hqsam.weights.registry import CHECKPOINTS, Checkpoint
from hqsam.weights.save import save_model
from tests.tiny import KINDS, tiny_config, tiny_model


@contextmanager
def tiny_models_in_the_table() -> Iterator[None]:
    """The models of the tests, as rows beside the real ones, so that their files are known by their shapes."""
    for kind in KINDS:
        name = tiny_config(kind).name
        MODELS[name] = tiny_config(kind)
        CHECKPOINTS[name] = Checkpoint(name=name, file=f"{name}.pth", origin="the tests", mirrors=("https://x/x",))
    yield
    for kind in KINDS:
        del MODELS[tiny_config(kind).name], CHECKPOINTS[tiny_config(kind).name]


def official(kind: str = "vit") -> dict[str, Tensor]:
    """A state dict as the official code saves it."""
    tensors = {key: tensor.clone() for key, tensor in from_ours(tiny_model(kind).state_dict(), "official").items()}
    if "tiny_vit" in kind:
        tensors["image_encoder.norm_head.weight"] = torch.randn(32)
        tensors["image_encoder.head.weight"] = torch.randn(10, 32)
    return tensors


def official_file(folder: Path, kind: str = "vit") -> Path:
    path = folder / f"official_{kind}.pth"
    torch.save(official(kind), path)
    return path


def our_file(folder: Path, kind: str = "vit") -> Path:
    path = folder / f"ours_{kind}.safetensors"
    save_model(tiny_model(kind), path)
    return path


def assert_same_tensors(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """The same names, types, shapes, and values to the bit."""
    assert set(found) == set(expected)
    for key, tensor in expected.items():
        assert found[key].dtype == tensor.dtype, key
        assert torch.equal(found[key], tensor), key
