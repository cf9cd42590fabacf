"""Runs that take seconds: a model with random weights, drawn photos, and the stages of real recipes in small."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import torch

from hqsam.data.sample import Sample
from hqsam.training.config import Recipe
from hqsam.training.data_split import DataSplit
from hqsam.training.recipes import finetune
from hqsam.weights.save import save_model
from tests.tiny import tiny_config, tiny_model
from tests.training.scenes import scene


def model_file(folder: Path, kind: str = "tiny_vit") -> Path:
    """The model that the runs start from, as a file."""
    path = folder / f"{kind}.safetensors"
    save_model(tiny_model(kind), path)
    return path


def small_recipe(start: Path, steps: int = 6, **changes: Any) -> Recipe:
    """`finetune` in float32 with few steps; `changes` are of its stage."""
    recipe = finetune(8)
    (stage,) = recipe.stages
    stage = replace(stage, **({"steps": steps, "warmup_steps": 2, "validate_every": 0} | changes))
    return replace(recipe, start=str(start), stages=(stage,), precision="float32", cached_views=0)


def drawn(count: int = 8) -> DataSplit:
    """Images in memory to train on, and none to validate on."""
    return DataSplit({"drawn": drawn_samples(count)})


def drawn_samples(count: int = 8) -> list[Sample]:
    """Images in memory."""
    return [scene(seed) for seed in range(count)]


def write_photos(folder: Path, count: int = 8) -> Path:
    """Photos on the disk: images/ and masks/, whose values number the objects."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for seed in range(count):
        sample = scene(seed)
        cv2.imwrite(str(folder / "images" / f"{seed}.png"), sample.image[..., ::-1])
        cv2.imwrite(str(folder / "masks" / f"{seed}.png"), sample.labels.astype("uint8"))
    return folder


def size_of_tests() -> int:
    """Side of the models' images."""
    return tiny_config().image_size


def same_weights(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    """To the last bit."""
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(*pair) for pair in pairs)
