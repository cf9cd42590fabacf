"""Batches for training: images, ground-truth masks, prompts. Row r of a run is a pure function of seed and r.

A run is one long line of rows; step n takes the rows from n * batch_size on. So a run can go on anywhere, and processes
that share a step, each with some of its rows, make together what one would.
"""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from hqsam.data.jitter import JitterConfig
from hqsam.data.random_streams import random_stream
from hqsam.data.sample import Sample
from hqsam.data.sampling import SamplingConfig
from hqsam.data.views import View, add_prompts, augmented_view, jittered_view
from hqsam.errors import DataError

_TRIES = 20
_WHOLE_PHOTO = JitterConfig(scale=(1, 1))


class Batch(NamedTuple):
    """A batch of B images with P objects each; prompts are in the model's pixels."""

    images: UInt8[Tensor, "image height width 3"]
    truth: UInt8[Tensor, "image object truth_height truth_width"]
    """Share of each pixel that the object covers, 0 to 255."""
    points: Float[Tensor, "image object token 2"]
    labels: Int[Tensor, "image object token"]
    tokens: Int[Tensor, "image object"]
    """Number of each object's points that count; those after them are padding that the prompt encoder never sees."""
    mask_prompt: Float[Tensor, "image object 1 mask_height mask_width"] | None = None
    has_mask: Bool[Tensor, "image object"] | None = None

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device."""
        parts: list[Any] = [None if part is None else part.to(device) for part in self]
        return Batch(*parts)


class BatchRow(NamedTuple):
    """One image of a batch with its objects and prompts, as arrays."""

    image: np.ndarray
    truth: np.ndarray
    points: np.ndarray
    labels: np.ndarray
    tokens: np.ndarray
    mask_prompt: np.ndarray | None
    has_mask: np.ndarray | None


class PromptedDataset(Dataset[Batch]):
    """The training images with prompts, by the rows of a run.

    With weights, each row is an image drawn by them; without, every image comes once an epoch, in an order of its own.
    """

    def __init__(
        self, sets: Mapping[str, Sequence[Sample]], config: SamplingConfig, seed: int, fingerprint: str = ""
    ) -> None:
        """Take the sets, how rows are made of them, and the fingerprint of their files, by which caches know them."""
        self.config, self.seed, self.fingerprint = config, seed, fingerprint
        weights = dict(config.weights) or {name: float(len(samples)) for name, samples in sets.items()}
        self.names = [name for name in weights if len(sets.get(name, ()))]
        """Names of the sets that images are drawn from."""
        self.sets = [sets[name] for name in self.names]
        if not self.sets:
            raise DataError(
                f"none of the sets {sorted(weights)} is among {sorted(sets)}, or they hold no images. To train on all "
                "that are there: --set 'stages.N.sampling.weights=()' for each stage, N from 0"
            )
        shares = np.array([weights[name] for name in self.names])
        self._shares = shares / shares.sum()
        self._ends = np.cumsum([len(samples) for samples in self.sets])

    @property
    def images(self) -> int:
        """Number of images, which is the number of an epoch's rows."""
        return int(self._ends[-1])

    def __getitem__(self, rows: Sequence[int]) -> Batch:
        """Return the batch of these rows."""
        return collate([self.row(row) for row in rows])

    def row(self, row: int) -> BatchRow:
        """Return the image, masks and prompts of one row, by one thread of OpenCV: more may differ by a pixel."""
        with _one_opencv_thread():
            return self._row(row)

    def _row(self, row: int) -> BatchRow:
        random = random_stream(self.seed, "loader.row", row)
        view = self._view(row, random)
        of_step = random_stream(self.seed, "loader.step", row // self.config.batch_size)
        return BatchRow(view.image, *add_prompts(view, self.config, random, of_step))

    def view(self, row: int) -> View:
        """Return the image of a row and its objects, without prompts."""
        with _one_opencv_thread():
            return self._view(row, random_stream(self.seed, "loader.row", row))

    def _view(self, row: int, random: np.random.Generator) -> View:
        sample = self._sample(row, random)
        for _ in range(_TRIES):
            view = augmented_view(sample, self._other(sample, random), self.config, random)
            if view is not None:
                return view
            sample = self._sample(row, random)
        view = jittered_view(sample, self.config, _WHOLE_PHOTO, random)
        if view is None:
            raise DataError(f"{sample.name} has no objects; `hqsam data check` finds all such images beforehand")
        return view

    def _sample(self, row: int, random: np.random.Generator) -> Sample:
        if self.config.weights:
            return self._any(random)
        epoch, place = divmod(row, self.images)
        number = int(_shuffled(self.images, epoch, self.seed)[place])
        which = int(np.searchsorted(self._ends, number, side="right"))
        return self.sets[which][number - int(self._ends[which])]

    def _other(self, sample: Sample, random: np.random.Generator) -> Sample:
        """Return a sample that an object may be pasted from; it is not read where nothing is pasted."""
        return sample if isinstance(self.config.augment, JitterConfig) else self._any(random)

    def _any(self, random: np.random.Generator) -> Sample:
        samples = self.sets[int(random.choice(len(self.sets), p=self._shares))]
        return samples[int(random.integers(len(samples)))]


def collate(rows: Sequence[BatchRow]) -> Batch:
    """Join rows of the dataset to one batch."""
    return Batch(*map(_stacked, zip(*rows, strict=True)))


def _stacked(column: Sequence[np.ndarray | None]) -> Any:
    """Return one field of all rows as a tensor, or None where no row has it."""
    arrays = [array for array in column if array is not None]
    return torch.from_numpy(np.stack(arrays)) if arrays else None


@functools.lru_cache(maxsize=2)  # a row of the next epoch may be made ahead of the last of this one
def _shuffled(count: int, epoch: int, seed: int) -> np.ndarray:
    return random_stream(seed, "loader.epoch", epoch).permutation(count)


def batches(dataset: Dataset[Any], rows: Iterable[Sequence[int]], workers: int) -> Iterator[Any]:
    """Yield what a dataset has for each group of rows, prefetched by `workers` processes; of a `PromptedDataset`, a
    batch."""
    loader = DataLoader(
        dataset,
        batch_size=None,
        sampler=rows,
        num_workers=workers,
        prefetch_factor=2 if workers else None,
        worker_init_fn=_init_worker,
    )
    return iter(loader)


def rows_of(step: int, batch_size: int, rank: int = 0, ranks: int = 1) -> range:
    """Return the rows of one step that one of several ranks makes; together they make all, each once."""
    start, stop = (step * batch_size + part * batch_size // ranks for part in (rank, rank + 1))
    return range(start, stop)


@contextmanager
def _one_opencv_thread() -> Iterator[None]:
    """Let OpenCV compute with one thread for a while; the setting is the process's, as OpenCV has no other."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _init_worker(worker: int) -> None:
    del worker
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
