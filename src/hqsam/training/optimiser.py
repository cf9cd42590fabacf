"""How weights move: optimisers, the learning rate over a stage, and the running average."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from hqsam.training.config import StageConfig


def optimisers(trained: nn.Module, stage: StageConfig) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of linear layers, whose updates it makes orthogonal, and AdamW for all else; or one."""
    of_linear = {id(module.weight) for module in trained.modules() if isinstance(module, nn.Linear)}
    learning = [parameter for parameter in trained.parameters() if parameter.requires_grad]
    if stage.optimiser == "adam":
        return [torch.optim.Adam(learning, stage.learning_rate, stage.betas, weight_decay=stage.weight_decay)]
    matrices: list[Any] = [p for p in learning if id(p) in of_linear]
    decayed: list[Any] = [p for p in learning if p.ndim > 1 and id(p) not in of_linear]
    free: list[Any] = [p for p in learning if p.ndim <= 1]
    if stage.optimiser == "adamw":
        matrices, decayed = [], matrices + decayed
    groups = [{"params": decayed, "weight_decay": stage.weight_decay}, {"params": free, "weight_decay": 0.0}]
    adamw = torch.optim.AdamW(groups, lr=stage.learning_rate, betas=stage.betas, fused=True)
    if not matrices:
        return [adamw]
    muon = torch.optim.Muon(
        matrices, lr=stage.learning_rate, weight_decay=stage.weight_decay, adjust_lr_fn="match_rms_adamw"
    )
    return [adamw, muon]


def rate_at(step: int, stage: StageConfig, steps: int) -> float:
    """Share of the learning rate: a ramp, a plateau, perhaps a drop, and a straight line to 0 at the end."""
    ramp = min(1.0, (step + 1) / max(1, stage.warmup))
    left = (steps - step) / max(1.0, stage.decay * steps)
    dropped = 1.0 if step < stage.drop_after * steps else 0.1
    return min(ramp, left, 1.0) * dropped


class EMA:
    """The running average of weights: quick at first, so that it forgets where they began."""

    def __init__(self, weights: Mapping[str, Tensor], decay: float) -> None:
        self.weights = {name: value.detach().clone() for name, value in weights.items()}
        self.decay = decay

    @torch.no_grad()
    def update(self, weights: Mapping[str, Tensor], step: int) -> None:
        """Move it towards the weights after step number `step`."""
        keep = min(self.decay, (1 + step) / (10 + step)) if self.decay else 0.0
        for name, value in weights.items():
            if value.is_floating_point():
                self.weights[name].lerp_(value, 1 - keep)
            else:
                self.weights[name].copy_(value)
