"""Initial model of a run: random weights, a SAM with a fresh HQ part, or an HQ-SAM."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from hqsam.errors import CheckpointError, OptionError
from hqsam.model.config import HQ_SAM_2, MODELS, HqConfig, ModelConfig
from hqsam.model.encoders import family_of
from hqsam.model.hq_sam import HQSam
from hqsam.model.mask_decoder import MaskDecoder
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
        if recipe.teacher:
            _take_fitting_decoder(model, load_model(recipe.teacher))
    if recipe.decoder_weights:
        take_decoder(model, load_model(recipe.decoder_weights))
    if recipe.encoder_weights:
        load_encoder_weights(model, Path(recipe.encoder_weights))
    return model


def _take_fitting_decoder(student: HQSam, teacher: HQSam) -> None:
    """Copy the teacher's decoder where it has the student's sizes, as MobileSAM's student has it; else do nothing."""
    own, its = student.mask_decoder.state_dict(), teacher.mask_decoder.state_dict()
    if all(name in own and own[name].shape == tensor.shape for name, tensor in its.items()):
        take_decoder(student, teacher)


def take_decoder(model: HQSam, other: HQSam) -> None:
    """Copy the prompt encoder, mask decoder and HQ part of another model, as far as shapes fit, in place.

    Layers that the other has not, and that only add something, get zeros where they end.

    Raises:
        CheckpointError: its mask decoder has other sizes.
    """
    own, theirs = model.state_dict(), other.state_dict()
    fitting = {
        name: tensor
        for name, tensor in theirs.items()
        if not name.startswith("image_encoder.") and name in own and own[name].shape == tensor.shape
    }
    lacking = [name for name in theirs if name.startswith("mask_decoder.") and name not in fitting]
    if lacking:
        raise CheckpointError(
            f"the decoder of {other.config.name} does not fit {model.config.name}: {len(lacking)} tensors of its mask "
            f"decoder have other shapes, such as {lacking[0]}"
        )
    model.load_state_dict(fitting, strict=False)
    added = {name for name in own if name not in fitting}
    for name, module in _additions(model):
        if f"{name}.weight" in added:
            for parameter in module.parameters():
                nn.init.zeros_(parameter)


def _additions(model: HQSam) -> Iterator[tuple[str, nn.Module]]:
    """Yield the last layers, by their names, of what adds something to what the decoder would compute without it."""
    last: list[nn.Module] = [
        *model.image_encoder.skip_layers(),
        *(block.get_submodule("mlp.2") for block in model.mask_decoder.smooth),
    ]
    if model.prompt_encoder.drawn_to_embedding is not None:
        last.append(model.prompt_encoder.drawn_to_embedding.get_submodule("6"))
    if model.hq is not None and model.hq.from_early is not None:
        last.append(model.hq.from_early[-1])
    names = {id(module): name for name, module in model.named_modules()}
    for module in last:
        yield names[id(module)], module


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
    if not recipe.start:
        return MODELS[recipe.model]
    config = load_model(recipe.start).config
    return config if config.hq else _config_with_hq(config)


def with_hq_part(sam: HQSam) -> HQSam:
    """Return a plain SAM with a fresh HQ part: what the paper starts from."""
    model = HQSam(_config_with_hq(sam.config))
    model.load_state_dict(sam.state_dict(), strict=False)
    return model


def _config_with_hq(config: ModelConfig) -> ModelConfig:
    # SAM 2's decoder, which also scores the object, has features of early layers already.
    hq = HQ_SAM_2 if config.decoder.object_score else HqConfig()
    return replace(config, name=_name_with_hq(config.name), hq=hq)


def _name_with_hq(name: str) -> str:
    """Return the name in the table of models of what a plain SAM becomes by an HQ part."""
    for before, after in {"sam2.1_": "hq_sam2_", "sam2_": "hq_sam2.0_", "mobile_sam": "vit_tiny", "sam_": ""}.items():
        if name.startswith(before):
            return after + name.removeprefix(before)
    return name


def init_weights(model: nn.Module) -> None:
    """Draw weights to begin from, in place: truncated normals where PyTorch would draw wider ones."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02 if module.in_features > 64 else module.in_features**-0.5)
            nn.init.zeros_(module.bias)
        if isinstance(module, nn.Conv2d):
            projects = module.kernel_size == (1, 1) and module.bias is not None  # no activation follows
            nn.init.kaiming_normal_(
                module.weight,
                mode="fan_out" if module.groups == 1 and not projects else "fan_in",
                nonlinearity="linear" if projects else "relu",
            )
    for module in model.modules():
        if isinstance(module, MaskDecoder):
            for head in module.filters:
                # With a filter that no token has to make first, pixels learn from the first step on.
                nn.init.normal_(head.get_parameter("4.bias"), std=0.2)


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
