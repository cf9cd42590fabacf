"""Where a stage's batches come from: images that are encoded anew each time, or features that were kept."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from hqsam.data.loader import Batch, PromptedDataset, batches
from hqsam.model.features import ImageFeatures


class StepInput(NamedTuple):
    """What a step computes on."""

    batch: Batch
    features: ImageFeatures | None = None
    """Of the batch's images; None: they are to be computed."""


@runtime_checkable
class BatchSource(Protocol):
    """A run's rows, in any groups."""

    @property
    def images(self) -> int:
        """Rows of an epoch."""
        ...

    def given(self, rows: Sequence[Sequence[int]], workers: int) -> Iterator[StepInput]:
        """For each group of rows, made ahead of time by `workers` processes."""
        ...


class ImageSource:
    """Every image is augmented anew."""

    def __init__(self, dataset: PromptedDataset) -> None:
        self.dataset = dataset

    @property
    def images(self) -> int:
        return self.dataset.images

    def given(self, rows: Sequence[Sequence[int]], workers: int) -> Iterator[StepInput]:
        return (StepInput(batch) for batch in batches(self.dataset, rows, workers))
