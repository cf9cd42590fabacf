"""Recipe `distil`: a small student learns what a teacher sees in photos without masks."""

from dataclasses import replace
from typing import Any

from hqsam.data.augment import AugmentConfig
from hqsam.data.prompting import FirstPrompt
from hqsam.data.sampling import SamplingConfig
from hqsam.errors import OptionError
from hqsam.model.config import MODELS
from hqsam.training.config import Recipe, StageConfig, Trainable
from hqsam.training.recipes.finetune import round_to


def distil(images: int = 50) -> Recipe:
    """Return the recipe that trains a student on a teacher's answers to `images` photos.

    First SAM's part learns the teacher's image embedding, its masks (all candidates, each from the one of its number)
    and its scores, for clicks and boxes; where there are further rounds, clicks correct the student's mask towards the
    teacher's. MobileSAM learnt the embedding alone, which works where the student has its teacher's decoder. Then the
    HQ part learns the masks that the teacher gives by default.
    """
    views = answered_views(images)
    rows = views * images * min(16, max(4, 16000 / max(1, views * images)))
    steps = round_to(min(20000, max(400, rows / _BATCH)), 50)
    return Recipe(
        model="nano",
        teacher="vit_l",
        precision="auto",
        cached_views=views,
        stages=(
            _stage("sam", steps, rounds=(0.5, 0.5), decay_share=0.4, ema_decay=0.995),
            _stage("hq", round_to(steps / 4, 50), rounds=(0.5, 0.5), optimiser="adamw", weight_decay=0.0),
        ),
    )


def answered_views(images: int) -> int:
    """Return how many views of each photo the teacher answers: about 2000 in all, at least 1 and at most 8 of each."""
    return min(8, max(1, round(2000 / max(1, images))))


def with_student(recipe: Recipe, name: str) -> Recipe:
    """Return the recipe with another student, a row of the table of models; one without an HQ part trains none.

    Raises:
        OptionError: there is no such model.
    """
    if name not in MODELS:
        raise OptionError(f"there is no model named {name!r} to be the student; choose one of {', '.join(MODELS)}")
    stages = tuple(stage for stage in recipe.stages if stage.trainable == "sam" or MODELS[name].hq)
    return replace(recipe, model=name, start="", stages=stages)


_BATCH = 8


def _stage(trainable: Trainable, steps: int, **settings: Any) -> StageConfig:
    sampling = SamplingConfig(
        batch_size=_BATCH,
        objects=4,
        size=0,
        first=FirstPrompt(box=0.5),
        augment=AugmentConfig(scale=(0.8, 1.6), fit=0.6, stretch=1.0, turn=0.0, paste=0.0),
    )
    settings = {"warmup_steps": min(200, max(1, steps // 10)), "validate_every": max(1, steps // 4)} | settings
    return StageConfig(name=trainable, trainable=trainable, steps=steps, sampling=sampling, **settings)
