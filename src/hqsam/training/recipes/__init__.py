"""Recipes: functions that return a config. Each says what it stands for."""

from collections.abc import Callable

from hqsam.errors import OptionError
from hqsam.training.config import Recipe
from hqsam.training.recipes.finetune import finetune
from hqsam.training.recipes.nano import nano
from hqsam.training.recipes.paper import hq_vit_b, hq_vit_h, hq_vit_l, hq_vit_tiny

RECIPES: dict[str, Callable[..., Recipe]] = {
    "finetune": finetune,
    "hq_vit_tiny": hq_vit_tiny,
    "hq_vit_b": hq_vit_b,
    "hq_vit_l": hq_vit_l,
    "hq_vit_h": hq_vit_h,
    "nano": nano,
}
"""By the name that `hqsam train` takes."""


def recipe_of(name: str, images: int = 50) -> Recipe:
    """A recipe by its name. `images` is how many there are to learn from, which `finetune` goes by.

    Raises:
        OptionError: there is no such recipe.
    """
    if name not in RECIPES:
        raise OptionError(f"unknown recipe {name!r}; choose one of {', '.join(RECIPES)}")
    return finetune(images) if name == "finetune" else RECIPES[name]()
