"""What learns in a stage, and what stays as it is."""

import copy
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from hqsam.errors import OptionError
from hqsam.model.hq_sam import HQSam
from hqsam.optional import require
from hqsam.training.config import Recipe, StageConfig, Trains

_LORA_TARGETS = ["qkv", "out"]
"""The linear layers of the encoders' attention, by their names."""


def with_trainable(recipe: Recipe, trains: Trains) -> Recipe:
    """The recipe with something else learning in the stages that are about the HQ part.

    Weights that are good already move a tenth as fast as those of a fresh HQ part.

    Raises:
        OptionError: features are to be computed once, and what learns would change them.
    """
    if trains == "lora" and recipe.views:
        raise OptionError("LoRA changes the encoder, so its features cannot be computed once; leave the cache out")
    stages = tuple(stage if stage.trains == "sam" else _stage(stage, trains) for stage in recipe.stages)
    return replace(recipe, stages=stages)


def _stage(stage: StageConfig, trains: Trains) -> StageConfig:
    if trains == stage.trains:
        return stage
    return replace(stage, trains=trains, learning_rate=stage.learning_rate / 10)


def set_trainable(model: HQSam, stage: StageConfig) -> nn.ModuleList:
    """Freeze the model but for the parts that the stage trains, and return these. LoRA's layers are put in."""
    model.requires_grad_(False)
    if stage.trains == "sam":
        parts = model.sam_parts()
    elif stage.trains == "hq":
        parts = model.hq_parts()
    elif stage.trains == "decoder":
        parts = [*model.hq_parts(), model.mask_decoder]
    else:
        parts = [*model.hq_parts(), *_low_rank_parts(model, stage.lora_rank)]
    if not parts:
        raise OptionError(f"{model.config.name} has no HQ part to train; start from an HQ-SAM or train its decoder")
    return nn.ModuleList(parts).requires_grad_(True)


def _low_rank_parts(model: HQSam, rank: int) -> list[nn.Module]:
    peft: Any = require("peft", extra="train")
    config = peft.LoraConfig(r=rank, lora_alpha=rank, target_modules=_LORA_TARGETS)
    peft.inject_adapter_in_model(config, model.image_encoder)
    names = ("lora_A", "lora_B")
    return [module for name, module in model.image_encoder.named_modules() if name.rpartition(".")[2] in names]


def merge_lora(model: HQSam) -> HQSam:
    """A copy in which LoRA's additions have become part of the weights that they were added to."""
    model = copy.deepcopy(model)
    for module in list(model.image_encoder.modules()):
        for name, child in list(module.named_children()):
            if hasattr(child, "lora_A"):
                layer: Any = child
                layer.merge()
                setattr(module, name, layer.base_layer)
    return model


def trainable_weights(model: HQSam, trained: nn.Module) -> dict[str, Tensor]:
    """The weights and statistics of the parts that learn, by their names in the whole model."""
    own = {id(value) for value in trained.state_dict(keep_vars=True).values()}
    return {name: value.detach() for name, value in model.state_dict(keep_vars=True).items() if id(value) in own}
