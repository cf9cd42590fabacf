"""Optimisers, and the schedule of the learning rate."""

from typing import Any

import torch
from torch import nn

from hqsam.training.config import StageConfig


def optimisers(trained: nn.Module, stage: StageConfig) -> list[torch.optim.Optimizer]:
    """Return the optimisers of a stage: Muon for matrices of linear layers and AdamW for the rest, or one for all."""
    backbone = _backbone_of(trained) if stage.encoder_learning_rate != 1 else set()
    of_linear = {id(module.weight) for module in trained.modules() if isinstance(module, nn.Linear)}
    learning = [parameter for parameter in trained.parameters() if parameter.requires_grad]
    if stage.optimiser == "adam":
        return [torch.optim.Adam(learning, stage.learning_rate, stage.betas, weight_decay=stage.weight_decay)]
    matrices: list[Any] = [p for p in learning if id(p) in of_linear]
    decayed: list[Any] = [p for p in learning if p.ndim > 1 and id(p) not in of_linear]
    free: list[Any] = [p for p in learning if p.ndim <= 1]
    if stage.optimiser == "adamw":
        matrices, decayed = [], matrices + decayed
    groups = [
        {"params": [p for p in some if (id(p) in backbone) == pretrained], "weight_decay": decay, "share": share}
        for pretrained, share in ((False, 1.0), (True, stage.encoder_learning_rate))[: 2 if backbone else 1]
        for some, decay in ((decayed, stage.weight_decay), (free, 0.0))
    ]
    adamw = torch.optim.AdamW(groups, lr=stage.learning_rate, betas=stage.betas, fused=True)
    if not matrices:
        return [adamw]
    muon = torch.optim.Muon(
        matrices, lr=stage.learning_rate, weight_decay=stage.weight_decay, adjust_lr_fn="match_rms_adamw"
    )
    return [adamw, muon]


def _backbone_of(trained: nn.Module) -> set[int]:
    """Return the parameters of image encoders' backbones, by identity."""
    backbones = [module for name, module in trained.named_modules() if name.rpartition(".")[2] == "backbone"]
    return {id(parameter) for module in backbones for parameter in module.parameters()}


def learning_rate_share(step: int, stage: StageConfig, steps: int) -> float:
    """Return the share of the learning rate at a step: a ramp, a plateau, perhaps a drop, and a line to 0 at the end.

    Args:
        step: steps that were taken before.
        stage: the settings.
        steps: steps of the whole stage.
    """
    ramp = min(1.0, (step + 1) / max(1, stage.warmup_steps))
    left = (steps - step) / max(1.0, stage.decay_share * steps)
    dropped = 1.0 if step < stage.drop_after * steps else 0.1
    return min(ramp, left, 1.0) * dropped
