"""Initial model of a run: random weights, a SAM with a fresh HQ part, or an HQ-SAM."""

import copy
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from hqsam.errors import CheckpointError, OptionError
from hqsam.model.config import MODELS, HqConfig, ModelConfig
from hqsam.model.encoders import family_of
from hqsam.model.hq_sam import HQSam
from hqsam.training.config import Recipe
from hqsam.weights.keys import naming_of, to_ours
from hqsam.weights.load import load_model
from hqsam.weights.read import read_tensors


def initial_model(recipe: Recipe) -> HQSam:
    """Return the recipe's model with the weights it starts from; fresh weights are drawn by the recipe's seed.

    Raises:
        OptionError: there is no model or checkpoint of that name.
        CheckpointError: the checkpoint cannot be used.
        DownloadError: it is not here and cannot be fetched.
    """
    torch.manual_seed(recipe.seed)
    if recipe.start:
        model = load_model(recipe.start)
        model = model if model.hq else with_hq_part(model)
    else:
        model = HQSam(MODELS[recipe.model])
        init_weights(model)
    if recipe.encoder_weights:
        load_encoder_weights(model, Path(recipe.encoder_weights))
    return model


def load_encoder_weights(model: HQSam, file: Path) -> None:
    """Load weights of the image encoder from a file into a model.

    The file holds an encoder alone or a whole model, under our names, the official ones or those of transformers. Parts
    of the encoder that it has nothing of keep their weights: a backbone that was trained to classify has no neck.

    Raises:
        CheckpointError: the file cannot be read, or its tensors are not those of this encoder.
    """
    tensors, _ = read_tensors(file)
    if not any(key.startswith(_WHOLE_MODELS) for key in tensors):
        tensors = {f"image_encoder.{key}": tensor for key, tensor in tensors.items()}
    found = to_ours(tensors, naming_of(tensors) or "hqsam")
    own = model.image_encoder.state_dict()
    given = {
        name.removeprefix("image_encoder."): tensor
        for name, tensor in found.ours.items()
        if name.startswith("image_encoder.")
    }
    parts = {name.partition(".")[0] for name in given}
    missing = [name for name in own if name.partition(".")[0] in parts and name not in given]
    surplus = [*found.unknown, *(name for name in given if name not in own)]
    misshapen = [name for name in given if name in own and given[name].shape != own[name].shape]
    if not given or missing or surplus or misshapen:
        kinds = {"missing": missing, "surplus": surplus, "misshapen": misshapen}
        said = "; ".join(f"{len(names)} {kind}, such as {names[0]}" for kind, names in kinds.items() if names)
        raise CheckpointError(
            f"{file} does not hold the encoder of {model.config.name}: {said or 'it has none of its tensors'}"
        )
    model.image_encoder.load_state_dict(given, strict=False)


_WHOLE_MODELS = ("image_encoder.", "vision_encoder.")


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
