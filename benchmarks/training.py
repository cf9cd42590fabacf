"""`python -m benchmarks.training`: seconds of a training step, and what it saves to compute features once.

First, a step of the paper's recipe (batch of 4, one prompt each, as on each of the paper's GPUs) beside a plain twin of
it that does what the official training does, in its order: all in float32; SAM decodes each image for itself, which
the loss does not use; then the HQ decoder decodes each image by itself. Then `finetune` of 50 images, with
kept features and without: a few steps of each are timed, and the whole is estimated from them. Weights are random,
which changes no time.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from benchmarks.plain_step import plain_step
from hqsam import hardware, storage
from hqsam.data.loader import PromptedDataset, rows_of
from hqsam.data.sample import Sample
from hqsam.data.sampling import SamplingConfig
from hqsam.freed_memory import keep_freed_memory
from hqsam.model.config import MODELS
from hqsam.model.hq_sam import HQSam
from hqsam.training import feature_cache
from hqsam.training.batch_source import BatchSource, ImageSource, StepInput
from hqsam.training.config import StageConfig
from hqsam.training.distributed import SingleProcess
from hqsam.training.recipes import finetune, hq_vit_tiny
from hqsam.training.trainer import Trainer


def main() -> None:
    arguments = _arguments()
    hardware.limit_torch_threads()
    torch.manual_seed(0)
    report: dict[str, Any] = {"machine": hardware.report(), "torch": torch.__version__, "model": arguments.model}
    if "step" in arguments.parts:
        report["step"] = _steps(arguments.model, arguments.rounds)
    if "cache" in arguments.parts:
        report["finetune"] = _finetune(arguments.model, arguments.images, arguments.rounds)
    storage.write_text(arguments.out, json.dumps(report, indent=2) + "\n")
    print(_table(report) + f"\nwritten to {arguments.out}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--model", default="vit_tiny", choices=[name for name, one in MODELS.items() if one.hq])
    parser.add_argument("--parts", nargs="+", default=["step", "cache"], choices=["step", "cache"])
    parser.add_argument("--rounds", type=int, default=5, help="steps of each that are timed (default 5)")
    parser.add_argument("--images", type=int, default=50, help="of finetune (default 50)")
    parser.add_argument("--out", type=Path, default=Path("out/training.json"))
    return parser.parse_args()


def _steps(name: str, rounds: int) -> dict[str, float]:
    """Return the median seconds of a step, after two that are not counted and warm up.

    The plain twin goes first, without the kept memory that training asks for at its start; it has what it needs by
    then, and so the comparison is about the work and not about the allocator.
    """
    stage = _of_size(hq_vit_tiny().stages[0], name, batch_size=4)
    source = ImageSource(PromptedDataset(_images(8), stage.sampling, 0))
    inputs = list(source.inputs([rows_of(step, 4) for step in range(rounds + 2)], 0))
    plain = _plain(name, stage)
    seconds = {"plain": _timed(plain, inputs)}
    keep_freed_memory()
    seconds["plain, freed memory kept"] = _timed(plain, inputs)
    trainer = _trainer(name, stage)
    seconds["ours"] = _timed(lambda one: trainer.step([replace(one, rows=range(4))]), inputs)
    print({who: [round(each, 2) for each in times] for who, times in seconds.items()})
    return {who: statistics.median(times[2:]) for who, times in seconds.items()}


def _plain(name: str, stage: StageConfig) -> Callable[[StepInput], Any]:
    model = HQSam(MODELS[name]).eval().requires_grad_(False)
    assert model.hq is not None
    model.hq.requires_grad_(True)
    optimiser = torch.optim.Adam(model.hq.parameters(), stage.learning_rate)
    return lambda given: plain_step(model, optimiser, given.batch)


def _finetune(name: str, images: int, rounds: int) -> dict[str, float]:
    """Return the seconds of the whole, estimated from a few steps and a few views."""
    keep_freed_memory()
    recipe = finetune(images)
    stage = _of_size(recipe.stages[0], name, batch_size=recipe.stages[0].sampling.batch_size)
    dataset = PromptedDataset(_images(images), stage.sampling, 0)
    trainer, steps, views = _trainer(name, stage), stage.steps, (recipe.cached_views or 4) * images
    groups = [rows_of(step, stage.sampling.batch_size) for step in range(rounds + 1)]
    uncached = _seconds_a_step(trainer, ImageSource(dataset), groups)
    with TemporaryDirectory() as folder:
        few = PromptedDataset({"drawn": list(dataset.sets[0])[:8]}, stage.sampling, 0)
        began = time.perf_counter()
        kept = feature_cache.fill(
            Path(folder), few, views=2, model=trainer.model, encode=trainer.encode, processes=trainer.processes
        )
        a_view = (time.perf_counter() - began) / len(kept)
        cached = _seconds_a_step(trainer, kept, groups)
    return {
        "steps": steps, "views": views, "seconds a view": a_view, "seconds a step": uncached,
        "seconds a cached step": cached, "whole": steps * uncached, "whole, cached": views * a_view + steps * cached,
    }  # fmt: skip


def _seconds_a_step(trainer: Trainer, source: BatchSource, groups: list[range]) -> float:
    """Return the median seconds of a step and of making its batch, which on two cores is not done meanwhile."""
    times = []
    for rows in groups:
        began = time.perf_counter()
        trainer.step(source.inputs([rows], 0))
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:])


def _trainer(name: str, stage: StageConfig) -> Trainer:
    device = torch.device("cpu")
    precision = hardware.pick_precision("auto", device)
    return Trainer(HQSam(MODELS[name]), stage, steps=100, seed=0, precision=precision, processes=SingleProcess(device))


def _of_size(stage: StageConfig, name: str, batch_size: int) -> StageConfig:
    sampling: SamplingConfig = replace(stage.sampling, size=MODELS[name].image_size, batch_size=batch_size)
    return replace(stage, sampling=sampling)


def _timed(step: Callable[[StepInput], Any], inputs: list[StepInput]) -> list[float]:
    times = []
    for one in inputs:
        began = time.perf_counter()
        step(one)
        times.append(time.perf_counter() - began)
    return times


def _images(count: int) -> dict[str, list[Sample]]:
    """Return images of noise with a disc in it; what they show does not matter."""
    random = np.random.default_rng(0)
    y, x = np.ogrid[:768, :1024]
    labels = ((x - 512) ** 2 + (y - 384) ** 2 < 250**2).astype(np.uint16)
    return {
        "drawn": [Sample(random.integers(0, 256, (768, 1024, 3), np.uint8), labels, f"drawn/{i}") for i in range(count)]
    }


def _table(report: dict[str, Any]) -> str:
    lines = []
    if "step" in report:
        ours = report["step"]["ours"]
        lines += ["| a step of four images | seconds | beside ours |", "| --- | ---: | ---: |"]
        lines += [f"| {who} | {value:.2f} | {value / ours:.1f} |" for who, value in report["step"].items()]
    if "finetune" in report:
        lines += ["", "| finetune | |", "| --- | ---: |"]
        lines += [f"| {what} | {value:.4g} |" for what, value in report["finetune"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
