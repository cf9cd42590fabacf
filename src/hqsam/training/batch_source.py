"""Sources of a stage's batches: images that are encoded at each step, or features that were computed once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from hqsam.data.loader import Batch, PromptedDataset, batches
from hqsam.model.features import ImageFeatures
from hqsam.training.distil.answers import TeacherAnswers


@dataclass(frozen=True)
class StepInput:
    """One micro-batch, as a training step computes on it."""

    rows: Sequence[int]
    """Numbers of its rows in the run."""
    batch: Batch
    features: ImageFeatures | None = None
    """Encoded images of the batch; None: the step encodes them."""
    answers: TeacherAnswers | None = None
    """A teacher's features and masks for the batch, where there is one to learn from."""


@runtime_checkable
class BatchSource(Protocol):
    """Rows of a run as micro-batches."""

    def inputs(self, groups: Sequence[Sequence[int]], workers: int) -> Iterator[StepInput]:
        """Return the micro-batch of each group of rows, prefetched by `workers` processes."""
        ...


class ImageSource:
    """Batches of images, each augmented again whenever it is shown."""

    def __init__(self, dataset: PromptedDataset) -> None:
        self.dataset = dataset

    def inputs(self, groups: Sequence[Sequence[int]], workers: int) -> Iterator[StepInput]:
        loaded = zip(groups, batches(self.dataset, groups, workers), strict=True)
        return (StepInput(rows, batch) for rows, batch in loaded)
