"""Batches for training: augmented images, true masks, first prompts. Batch n is a pure function of the seed and n."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from hqsam.data.augment import AugmentConfig, augment
from hqsam.data.prompting import click, noisy_box
from hqsam.data.sample import Sample
from hqsam.errors import DataError
from hqsam.prompts import BOX_END, BOX_START, PADDING, POSITIVE


class Batch(NamedTuple):
    """B images with P objects each; prompts in the model's pixels."""

    images: UInt8[Tensor, "image height width 3"]
    truth: UInt8[Tensor, "image object mask_height mask_width"]
    """Share of each logit's pixel that the object covers, 0 to 255."""
    points: Float[Tensor, "image object point 2"]
    labels: Int[Tensor, "image object point"]


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """Which objects a batch shows, and how they are first pointed at."""

    batch_size: int
    objects: int
    """Objects of each image, drawn with replacement."""
    size: int
    """Side of the image, in pixels."""
    stride: int = 4
    """Pixels of the image per logit, along one side."""
    weights: tuple[tuple[str, float], ...]
    """How often each set is drawn; sets that are not named are left out."""
    unions: tuple[tuple[str, float], ...] = ()
    """How often all objects of a set's image are taken as one: garments as a person."""
    boxes: float = 0.55
    """How often the first prompt is a box rather than a click."""
    smallest: float = 0.0008
    """Objects below this share of the image are not asked for."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)


class PromptedImages(Dataset[Batch]):
    """Batches by their number."""

    def __init__(self, sets: dict[str, list[Sample]], config: SamplingConfig, seed: int, batches: int) -> None:
        self.config, self.seed, self.batches = config, seed, batches
        self.sets = [sets[name] for name, _ in config.weights if sets.get(name)]
        weights = np.array([weight for name, weight in config.weights if sets.get(name)])
        if not self.sets:
            raise DataError(f"none of the sets {[name for name, _ in config.weights]} is among {sorted(sets)}")
        self.shares = weights / weights.sum()
        self.unions = dict(config.unions)

    def __len__(self) -> int:
        return self.batches

    def __getitem__(self, number: int) -> Batch:
        random = np.random.default_rng((self.seed, number))
        rows = [self._row(random) for _ in range(self.config.batch_size)]
        return Batch(*(torch.from_numpy(np.stack(column)) for column in zip(*rows, strict=True)))

    def _row(self, random: np.random.Generator) -> tuple[np.ndarray, ...]:
        config = self.config
        while True:
            sample = augment(self._draw(random), self._draw(random), config.size, config.augment, random)
            masks = self._objects(sample, random)
            if masks:
                break
        chosen = [masks[int(random.integers(len(masks)))] for _ in range(config.objects)]
        prompts = [_first_prompt(mask, config.boxes, random) for mask in chosen]
        truth = np.stack([_cover(mask, config.size // config.stride) for mask in chosen])
        points, labels = (np.stack(part) for part in zip(*prompts, strict=True))
        return sample.image, truth, points, labels

    def _draw(self, random: np.random.Generator) -> Sample:
        samples = self.sets[int(random.choice(len(self.sets), p=self.shares))]
        return samples[int(random.integers(len(samples)))]

    def _objects(self, sample: Sample, random: np.random.Generator) -> list[np.ndarray]:
        labels = sample.labels
        if random.random() < self.unions.get(sample.name.split("/")[0], 0):
            labels = (labels > 0).astype(np.uint16)
        areas = np.bincount(labels.reshape(-1))
        least = self.config.smallest * labels.size
        return [labels == number for number in range(1, len(areas)) if areas[number] >= least]


def _first_prompt(mask: np.ndarray, boxes: float, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    if random.random() < boxes:
        return noisy_box(mask, random).reshape(2, 2), np.array([BOX_START, BOX_END])
    return np.stack([click(mask, random), np.zeros(2, np.float32)]), np.array([POSITIVE, PADDING])


def _cover(mask: np.ndarray, size: int) -> np.ndarray:
    return cv2.resize(mask.astype(np.uint8) * 255, (size, size), interpolation=cv2.INTER_AREA)


def batches(dataset: PromptedImages, start: int, workers: int) -> Iterator[Batch]:
    """Batches from number `start` on, made ahead of time by `workers` processes."""
    loader = DataLoader(
        dataset,
        batch_size=None,
        sampler=range(start, len(dataset)),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        worker_init_fn=_one_thread,
    )
    return iter(loader)


def _one_thread(worker: int) -> None:
    del worker
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
