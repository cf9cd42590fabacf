"""The one training loop: a recipe's stages, one after the other, resumed where they were left."""

import copy
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from hqsam.data.loader import Batch, PromptedImages, batches
from hqsam.data.sample import Sample
from hqsam.errors import TrainingError
from hqsam.model.config import MODELS, ModelConfig
from hqsam.model.hq_sam import HQSam
from hqsam.storage import Journal
from hqsam.training import checkpoint
from hqsam.training.config import Recipe, StageConfig
from hqsam.training.step import hq_loss, sam_loss

Report = Callable[[str, int, int, dict[str, float]], None]
"""Called with the stage's name, its step, its steps and the metrics of that step."""


def train(
    recipe: Recipe,
    sets: dict[str, list[Sample]],
    folder: Path,
    report: Report = lambda *_: None,
    workers: int = 1,
    save_every: int = 200,
    device: str = "cpu",
) -> HQSam:
    """Run the recipe's stages and return the model with its averaged weights.

    `folder` gets a checkpoint every `save_every` steps and `metrics.jsonl`; a run that finds them goes on from there,
    and ends where the unbroken run would.

    Raises:
        DataError: the sets do not hold what the recipe asks for.
        TrainingError: the loss is not a number, or a checkpoint cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    model = HQSam(MODELS[recipe.model]).to(device)
    initialise(model)
    for index, stage in enumerate(recipe.stages):
        run = _Stage(recipe, stage, index, model, folder / f"{index}-{stage.name}", device)
        run.go(sets, report, workers, save_every)
        model.load_state_dict(run.average)
    return model


def initialise(model: nn.Module) -> None:
    """Weights to begin from: truncated normals for what PyTorch would draw wider, and quiet embeddings."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02 if module.in_features > 64 else module.in_features**-0.5)
            nn.init.zeros_(module.bias)
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out" if module.groups == 1 else "fan_in")


class _Stage:
    """One stage's model, optimiser and running average."""

    def __init__(self, recipe: Recipe, stage: StageConfig, index: int, model: HQSam, folder: Path, device: str) -> None:
        self.recipe, self.stage, self.folder, self.device = recipe, stage, folder, device
        self.seed = recipe.seed + 1000 * index
        self.model = _at_size(model, stage.sampling.size)
        self.trained = nn.ModuleList(self.model.sam_parts() if stage.trains == "sam" else self.model.hq_parts())
        self.model.requires_grad_(False)
        self.trained.requires_grad_(True)
        self.optimisers = _optimisers(self.trained, stage)
        self.average = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.step = 0

    def go(self, sets: dict[str, list[Sample]], report: Report, workers: int, save_every: int) -> None:
        """Train from the last checkpoint, or from the start, to the end of the stage."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._resume()
        dataset = PromptedImages(sets, self.stage.sampling, self.seed, self.stage.steps)
        began = time.monotonic()
        with Journal(self.folder / "metrics.jsonl") as journal:
            for batch in batches(dataset, self.step, workers):
                metrics = self._train_on(Batch(*(part.to(self.device) for part in batch)))
                self.step += 1
                metrics["seconds"] = time.monotonic() - began
                journal.append({"step": self.step, **metrics})
                report(self.stage.name, self.step, self.stage.steps, metrics)
                if self.step % save_every == 0 or self.step == self.stage.steps:
                    self._save()

    def _train_on(self, batch: Batch) -> dict[str, float]:
        random = np.random.default_rng((self.seed, self.step, 1))
        torch.manual_seed(self.seed + self.step)
        rounds = 1 + int(random.choice(len(self.stage.rounds), p=self.stage.rounds))
        self.model.eval()
        self.trained.train()
        loss_of = sam_loss if self.stage.trains == "sam" else hq_loss
        with torch.autocast(self.device, torch.bfloat16, enabled=self.recipe.precision == "bfloat16"):
            loss, metrics = loss_of(self.model, batch, rounds, random)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingError(f"the loss is {value} at step {self.step} of stage {self.stage.name!r}")
        self.trained.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.trained.parameters(), self.stage.clip)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = self.stage.learning_rate * rate_at(self.step, self.stage)
            optimiser.step()
        self._update_average()
        return {"loss": value, "norm": float(norm), **{name: float(value) for name, value in metrics.items()}}

    @torch.no_grad()
    def _update_average(self) -> None:
        keep = min(self.stage.average, (1 + self.step) / (10 + self.step)) if self.stage.average else 0.0
        for name, value in self.model.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - keep)
            else:
                self.average[name].copy_(value)

    def _save(self) -> None:
        state = {
            "step": self.step,
            "stage": json.dumps(asdict(self.stage)),
            "model": self.model.state_dict(),
            "average": self.average,
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
        }
        checkpoint.save(self.folder, self.step, state)

    def _resume(self) -> None:
        state = checkpoint.latest(self.folder)
        if state is None:
            return
        self.step, self.average = state["step"], state["average"]
        self.model.load_state_dict(state["model"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)


def rate_at(step: int, stage: StageConfig) -> float:
    """Share of the learning rate: a ramp, a plateau, and a straight line to 0 at the end."""
    ramp = min(1.0, (step + 1) / max(1, stage.warmup))
    left = (stage.steps - step) / max(1.0, stage.decay * stage.steps)
    return min(ramp, left, 1.0)


def _at_size(model: HQSam, size: int) -> HQSam:
    """The same weights in a model that sees images of another size; TinyViT's weights fit every size."""
    if model.config.image_size == size:
        return copy.deepcopy(model)
    config: ModelConfig = replace(model.config, image_size=size)
    resized = HQSam(config).to(next(model.parameters()).device)
    resized.load_state_dict(model.state_dict())
    return resized


def _optimisers(trained: nn.Module, stage: StageConfig) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of linear layers, whose updates it makes orthogonal; AdamW for all else."""
    of_linear = {id(module.weight) for module in trained.modules() if isinstance(module, nn.Linear)}
    matrices: list[Any] = [p for p in trained.parameters() if id(p) in of_linear]
    decayed: list[Any] = [p for p in trained.parameters() if p.ndim > 1 and id(p) not in of_linear]
    free: list[Any] = [p for p in trained.parameters() if p.ndim <= 1]
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
