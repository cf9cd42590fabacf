"""A SAM that learnt from coarse masks, for `benchmarks.experiments --coarse-steps`.

The paper's SAM knows objects from the coarse masks of SA-1B, and its HQ part edges from accurate ones. A SAM that has
seen accurate masks leaves the HQ part nothing to add. So one that has is trained on with masks of which only polygons
of few corners are left, until its own masks are like them.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import overload

import numpy as np
import torch

from hqsam import hardware
from hqsam.data.loader import PromptedDataset, rows_of
from hqsam.data.open_dataset import open_datasets
from hqsam.data.sample import Sample
from hqsam.masks.polygons import from_polygons, to_polygons
from hqsam.training.batch_source import ImageSource
from hqsam.training.distributed import SingleProcess
from hqsam.training.recipes import nano
from hqsam.training.trainer import Trainer
from hqsam.weights.load import load_model
from hqsam.weights.save import save_model

COARSENESS = 0.08
"""How far a polygon may be from the outline, as a share of the square root of the object's area."""


class CoarseMasks(Sequence[Sample]):
    """Samples with polygons of few corners in place of their masks."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._samples = samples

    def __len__(self) -> int:
        return len(self._samples)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> "CoarseMasks": ...
    def __getitem__(self, index: int | slice) -> "Sample | CoarseMasks":
        if isinstance(index, slice):
            return CoarseMasks(self._samples[index])
        return coarse(self._samples[index])


def coarse(sample: Sample) -> Sample:
    """Return a sample whose label map has polygons of few corners; what has no area then keeps its own pixels."""
    labels = np.zeros_like(sample.labels)
    for number, area in sorted(sample.areas.items(), key=lambda one: -one[1]):
        mask = sample.mask(number)
        rough = from_polygons(to_polygons(mask, tolerance=COARSENESS * area**0.5), (mask.shape[0], mask.shape[1]))
        labels[rough if rough.any() else mask] = number
    return replace(sample, labels=labels, whole={})


def train_coarse_sam(start: str, train: Path, steps: int, path: Path) -> None:
    """Train all of a model's SAM part on coarse masks of `nano`'s sets, at its full size, and write it as `path`.

    Args:
        start: the model to start from.
        train: images and masks.
        steps: steps of eight images with four objects each.
        path: the file to write.
    """
    device, model = torch.device("cpu"), load_model(start)
    stage = nano().stages[2]
    sampling = replace(stage.sampling, size=model.config.image_size, stride=model.config.stride // 4)
    stage = replace(stage, steps=steps, warmup_steps=20, ema_decay=0.98, sampling=sampling)
    sets = {name: CoarseMasks(samples) for name, samples in open_datasets(train).items()}
    precision = hardware.pick_precision("auto", device)
    trainer = Trainer(model, stage, steps=steps, seed=0, precision=precision, processes=SingleProcess())
    rows = [rows_of(step, stage.sampling.batch_size) for step in range(steps)]
    for step, given in enumerate(ImageSource(PromptedDataset(sets, stage.sampling, 0)).inputs(rows, 1)):
        metrics = trainer.step([given])
        if step % 20 == 0:
            print(f"SAM by coarse masks: step {step}, IoU {metrics['iou_0']:.3f}", flush=True)
    save_model(trainer.ema_model(), path)
