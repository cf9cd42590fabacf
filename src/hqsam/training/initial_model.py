"""Initial model of a run: random weights, a SAM with a fresh HQ part, or an HQ-SAM."""

import copy
from dataclasses import replace

import torch
from torch import nn

from hqsam.errors import OptionError
from hqsam.model.config import MODELS, HqConfig, ModelConfig
from hqsam.model.encoders import family_of
from hqsam.model.hq_sam import HQSam
from hqsam.training.config import Recipe
from hqsam.weights.load import load_model


def initial_model(recipe: Recipe) -> HQSam:
    """Return the recipe's model with the weights it starts from; fresh weights are drawn by the recipe's seed.

    Raises:
        OptionError: there is no model or checkpoint of that name.
        CheckpointError: the checkpoint cannot be used.
        DownloadError: it is not here and cannot be fetched.
    """
    torch.manual_seed(recipe.seed)
    if not recipe.start:
        model = HQSam(MODELS[recipe.model])
        init_weights(model)
        return model
    found = load_model(recipe.start)
    return found if found.hq else with_hq_part(found)


def initial_config(recipe: Recipe) -> ModelConfig:
    """Return the config of a recipe's initial model."""
    return load_model(recipe.start).config if recipe.start else MODELS[recipe.model]


def with_hq_part(sam: HQSam) -> HQSam:
    """Return a plain SAM with a fresh HQ part: what the paper starts from."""
    name = {"mobile_sam": "vit_tiny"}.get(sam.config.name, sam.config.name.removeprefix("sam_"))
    model = HQSam(replace(sam.config, name=name, hq=HqConfig()))
    model.load_state_dict(sam.state_dict(), strict=False)
    return model


def init_weights(model: nn.Module) -> None:
    """Draw weights to begin from, in place: truncated normals where PyTorch would draw wider ones."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02 if module.in_features > 64 else module.in_features**-0.5)
            nn.init.zeros_(module.bias)
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out" if module.groups == 1 else "fan_in")


def resized(model: HQSam, size: int) -> HQSam:
    """Return a copy for images of another size; TinyViT's weights fit every size.

    Raises:
        OptionError: the model's weights are made for one size.
    """
    if model.config.image_size == size:
        return copy.deepcopy(model)
    if family_of(model.config.encoder).fixed_size:
        own = model.config.image_size
        raise OptionError(
            f"{model.config.name} sees images of {own} pixels, not of {size}; leave the sampling's size 0"
        )
    resized = HQSam(replace(model.config, image_size=size)).to(next(model.parameters()).device)
    resized.load_state_dict(model.state_dict())
    return resized
