"""Trainable parts of a model: what a stage trains, and what it leaves frozen."""

from dataclasses import replace
from typing import Any, get_args

from torch import Tensor, nn

from hqsam.errors import OptionError
from hqsam.model.hq_sam import HQSam
from hqsam.optional import require
from hqsam.training.config import Recipe, StageConfig, Trainable

_LORA_TARGETS = ["qkv", "out"]
"""Names of the linear layers of the encoders' attention."""


def with_trainable(recipe: Recipe, trainable: Trainable) -> Recipe:
    """Return the recipe with other parts trained, in the stages that are about the HQ part.

    Weights that are good already move a tenth as fast as those of a fresh HQ part.

    Raises:
        OptionError: features are to be computed once, and training would change them.
    """
    if trainable == "lora" and recipe.cached_views and not recipe.teacher:
        raise OptionError("LoRA changes the encoder, so its features cannot be computed once; leave the cache out")
    about_hq = ("hq", "decoder", "lora")
    stages = tuple(_changed(stage, trainable) if stage.trainable in about_hq else stage for stage in recipe.stages)
    return replace(recipe, stages=stages)


def _changed(stage: StageConfig, trainable: Trainable) -> StageConfig:
    if trainable == stage.trainable:
        return stage
    return replace(stage, trainable=trainable, learning_rate=stage.learning_rate / 10)


def set_trainable(model: HQSam, stage: StageConfig) -> nn.ModuleList:
    """Freeze the model but for the parts that the stage trains, and return these. LoRA's layers are put in."""
    model.requires_grad_(False)
    if stage.trainable == "sam":
        parts = model.sam_parts()
    elif stage.trainable == "hq":
        parts = model.hq_parts()
    elif stage.trainable == "decoder":
        parts = [*model.hq_parts(), model.mask_decoder]
    elif stage.trainable == "iou":
        parts = [model.mask_decoder.iou_head]
    elif stage.trainable == "lora":
        parts = [*model.hq_parts(), *_lora_parts(model, stage.lora_rank)]
    else:
        raise OptionError(f"got trainable={stage.trainable!r}; choose one of {', '.join(get_args(Trainable))}")
    if not parts:
        raise OptionError(f"{model.config.name} has no HQ part to train; start from an HQ-SAM or train its decoder")
    return nn.ModuleList(parts).requires_grad_(True)


def freeze_norms(module: nn.Module) -> None:
    """Put batch norms into evaluation, where they keep their statistics."""
    for child in module.modules():
        if isinstance(child, nn.BatchNorm2d):
            child.eval()


def _lora_parts(model: HQSam, rank: int) -> list[nn.Module]:
    peft: Any = require("peft", extra="train")
    config = peft.LoraConfig(r=rank, lora_alpha=rank, target_modules=_LORA_TARGETS)
    peft.inject_adapter_in_model(config, model.image_encoder)
    names = ("lora_A", "lora_B")
    return [module for name, module in model.image_encoder.named_modules() if name.rpartition(".")[2] in names]


def merge_lora(model: HQSam) -> HQSam:
    """Merge LoRA's additions into the weights that they were added to, in place, and return the model."""
    for module in list(model.image_encoder.modules()):
        for name, child in list(module.named_children()):
            if hasattr(child, "lora_A"):
                layer: Any = child
                layer.merge()
                setattr(module, name, layer.base_layer)
    return model


def trainable_weights(model: HQSam, trained: nn.Module) -> dict[str, Tensor]:
    """Return the weights and statistics of the trained parts, by their names in the whole model."""
    own = {id(value) for value in trained.state_dict(keep_vars=True).values()}
    return {name: value.detach() for name, value in model.state_dict(keep_vars=True).items() if id(value) in own}
