"""Training recipes: functions that return a config. To add a recipe, add a row to `RECIPES`."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from hqsam.errors import OptionError
from hqsam.training.config import Recipe
from hqsam.training.recipes.distil import distil
from hqsam.training.recipes.finetune import finetune
from hqsam.training.recipes.nano import nano
from hqsam.training.recipes.paper import hq_sam2, hq_vit_b, hq_vit_h, hq_vit_l, hq_vit_tiny


class RecipeRow(NamedTuple):
    """A recipe of the table."""

    make: Callable[..., Recipe]
    by_images: bool = False
    """`make` is called with the number of training images."""
    hold_out: float = 0.0
    """Share of the data to validate on, where the user does not say."""
    data: Literal["masks", "photos"] = "masks"
    """Kind of data: images with masks, or photos without."""


RECIPES: dict[str, RecipeRow] = {
    "finetune": RecipeRow(finetune, by_images=True, hold_out=0.2),
    "hq_vit_tiny": RecipeRow(hq_vit_tiny),
    "hq_vit_b": RecipeRow(hq_vit_b),
    "hq_vit_l": RecipeRow(hq_vit_l),
    "hq_vit_h": RecipeRow(hq_vit_h),
    "hq_sam2": RecipeRow(hq_sam2),
    "nano": RecipeRow(nano),
    "distil": RecipeRow(distil, by_images=True, hold_out=0.1, data="photos"),
}
"""Recipes by the name that `hqsam train` takes."""


def recipe_of(name: str, images: int = 50) -> Recipe:
    """Return a recipe by its name, for a number of training images.

    Raises:
        OptionError: there is no such recipe.
    """
    if name not in RECIPES:
        raise OptionError(f"unknown recipe {name!r}; choose one of {', '.join(RECIPES)}")
    row = RECIPES[name]
    return row.make(images) if row.by_images else row.make()
