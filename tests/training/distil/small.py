"""Distillation in seconds: small teachers and students, drawn photos, few steps."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from hqsam.training.config import Recipe
from hqsam.training.data_split import DataSplit
from hqsam.training.recipes import distil
from tests.training.small import drawn_samples, model_file


def small_distil(folder: Path, steps: int = 4, **changes: Any) -> Recipe:
    """The recipe in float32 with few steps; `changes` are of the recipe. A vit teaches an efficientnet_lite."""
    recipe = distil(6)
    stages = tuple(
        replace(
            stage,
            steps=steps,
            warmup_steps=1,
            validate_every=0,
            sampling=replace(stage.sampling, batch_size=3, objects=2),
        )
        for stage in recipe.stages
    )
    named = {"teacher": str(model_file(folder, "vit")), "start": str(model_file(folder, "efficientnet_lite"))}
    settings = {"model": "", "precision": "float32", "cached_views": 2, "stages": stages}
    return replace(recipe, **(settings | named | changes))


def photos(training: int = 5, held_out: int = 0) -> DataSplit:
    """Photos in memory, whose true masks nobody looks at."""
    samples = drawn_samples(training + held_out)
    return DataSplit({"drawn": samples[:training]}, samples[training:])
