"""What a run learns from, and what it is tried on."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hqsam.data.check import check_datasets, without_broken
from hqsam.data.dataset import MaskDataset, concatenated
from hqsam.data.issues import DataCheck
from hqsam.data.open_dataset import open_dataset, open_datasets
from hqsam.data.sample import Sample
from hqsam.training import run_folder
from hqsam.training.distributed import ProcessGroup

_REPORT = run_folder.DATA


class DataSplit(NamedTuple):
    """Photos with true masks."""

    sets: Mapping[str, Sequence[Sample]]
    """To learn from, by the name of the set."""
    held_out: Sequence[Sample]
    """To be tried on, and never learnt from."""
    report: DataCheck
    """What the check of the data found. What is broken is left out."""

    @property
    def images(self) -> int:
        """How many there are to learn from."""
        return sum(len(samples) for samples in self.sets.values())


def open_data_split(
    data: Path,
    folder: Path,
    processes: ProcessGroup,
    *,
    validation: Path | None = None,
    hold_out: float = 0.0,
    longest_side: int = 0,
    seed: int = 0,
    on_progress: Callable[[int, int], None] = lambda *_: None,
) -> DataSplit:
    """The photos of `data` that can be used; held out are those of `validation`, or else a share of each set.

    The check reads every file once; what it finds is kept in the run's folder, and a resumed run goes by that.

    Raises:
        DataError: nothing there can be used.
        TrainingError: the folder is none of a run.
    """
    sets = open_datasets(data, longest_side or None)
    processes.agree(lambda: _check(sets, folder, on_progress))
    report = DataCheck.read(folder / _REPORT)
    parts = {name: split(one, hold_out, seed) for name, one in without_broken(sets, report).items()}
    held_out = (
        concatenated(held for _, held in parts.values())
        if validation is None
        else open_dataset(validation, split="validation")
    )
    learnt = {name: list(one) if longest_side else one for name, (one, _) in parts.items()}
    return DataSplit(learnt, held_out, report)


def split(samples: MaskDataset, hold_out: float, seed: int) -> tuple[MaskDataset, MaskDataset]:
    """What to learn from, and a share that is kept for validation: the same for the same seed."""
    order = np.random.default_rng(seed).permutation(len(samples))
    names = {samples.names[number] for number in order[: round(hold_out * len(samples))]}
    return samples.without(names), samples.without(set(samples.names) - names)


def _check(sets: Mapping[str, MaskDataset], folder: Path, on_progress: Callable[[int, int], None]) -> None:
    run_folder.require_free(folder)
    if not (folder / _REPORT).exists():
        check_datasets(sets, on_progress).save(folder / _REPORT)
