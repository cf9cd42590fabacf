"""Images that a run trains on, and images that it is validated on."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from hqsam.data.check import check_datasets, without_broken
from hqsam.data.dataset import MaskDataset, concatenated
from hqsam.data.hqseg44k import Split
from hqsam.data.issues import ISSUE_KINDS, DataCheck
from hqsam.data.open_dataset import open_datasets
from hqsam.data.photos import open_photos
from hqsam.data.sample import Sample
from hqsam.errors import DataError
from hqsam.training import run_folder
from hqsam.training.distributed import ProcessGroup


@dataclass(frozen=True)
class DataSplit:
    """Images with true masks, for training and for validation."""

    training: Mapping[str, Sequence[Sample]]
    """Images to train on, by the name of their set."""
    validation: Sequence[Sample] = ()
    """Held-out images, which are never trained on."""
    check: DataCheck = field(default_factory=lambda: DataCheck({}))
    """Issues that were found in the data; images with broken files are left out."""
    fingerprint: str = ""
    """16 hexadecimal digits that change with the data's files; "" for data that are no files."""
    validation_fingerprint: str = ""
    """The same of the held-out images."""

    @property
    def counts(self) -> dict[str, int]:
        """Numbers of training images, by the name of their set."""
        return {name: len(samples) for name, samples in self.training.items()}

    @property
    def images(self) -> int:
        """Number of training images."""
        return sum(self.counts.values())


def open_data_split(
    data: Path,
    folder: Path,
    processes: ProcessGroup,
    *,
    validation: Path | None = None,
    hold_out: float = 0.0,
    max_side: int = 0,
    seed: int = 0,
    kind: Literal["masks", "photos"] = "masks",
    on_progress: Callable[[int, int], None] = lambda *_: None,
) -> DataSplit:
    """Open and check data, and hold images out for validation.

    The check reads every file once. It is kept in the run's folder, and a resumed run goes by it.

    Args:
        data: a folder of images and masks, or COCO JSON.
        folder: the run's folder.
        processes: the processes of the run; the first does the check.
        validation: images and masks to validate on; None: a share of each set of `data`.
        hold_out: that share, 0 to 0.9.
        max_side: keep the training images in memory, their longer side at most this many pixels; 0: read when needed.
        seed: seed of the choice of held-out images.
        kind: images with masks; or photos, whose masks a teacher makes.
        on_progress: called with how many images are checked, of how many.

    Raises:
        DataError: nothing there can be used; the message says why.
        TrainingError: the folder holds something else than a run.
    """
    datasets = _opened(data, kind, max_side or None)
    processes.run_on_first(lambda: _check(datasets, folder, on_progress))
    check = DataCheck.read(folder / run_folder.DATA)
    usable = without_broken(datasets, check)
    if not usable:
        raise DataError(_why_none(data, check))
    parts = {name: split(one, hold_out, seed) for name, one in usable.items()}
    fingerprint = _fingerprint(datasets, max_side)
    training = {name: list(one) if max_side else one for name, (one, _) in parts.items()}
    if validation is not None:
        apart = _opened(validation, kind, split="validation")
        held_out, of_held_out = concatenated(apart.values()), _fingerprint(apart, 0)
    else:
        held_out, of_held_out = concatenated(one for _, one in parts.values()), fingerprint
    return DataSplit(training, held_out, check, fingerprint, of_held_out)


def _fingerprint(datasets: Mapping[str, MaskDataset], max_side: int) -> str:
    of_sets = [f"{name} {one.fingerprint}" for name, one in sorted(datasets.items())]
    return hashlib.sha256("\n".join([*of_sets, str(max_side)]).encode()).hexdigest()[:16]


def _why_none(data: Path, check: DataCheck) -> str:
    found = {kind: issues for kind, issues in check.by_kind().items() if ISSUE_KINDS[kind].broken}
    reasons = "; ".join(f"{ISSUE_KINDS[kind].about} ({len(issues)} x)" for kind, issues in found.items())
    return f"no image in {data} can be used: {reasons or 'there is none'}. `hqsam data check {data}` names each"


def _opened(
    path: Path, kind: Literal["masks", "photos"], max_side: int | None = None, split: Split = "training"
) -> dict[str, MaskDataset]:
    if kind == "masks":
        return open_datasets(path, max_side, split=split)
    return {name: replace(one, longest_side=max_side) for name, one in open_photos(path).items()}


def split(samples: MaskDataset, hold_out: float, seed: int) -> tuple[MaskDataset, MaskDataset]:
    """Return what to train on, and a share to validate on: the same for the same seed."""
    order = np.random.default_rng(seed).permutation(len(samples))  # as in version 0.1, whose runs go on
    names = {samples.names[number] for number in order[: round(hold_out * len(samples))]}
    return samples.without(names), samples.without(set(samples.names) - names)


def _check(datasets: Mapping[str, MaskDataset], folder: Path, on_progress: Callable[[int, int], None]) -> None:
    run_folder.require_free(folder)
    if not ((folder / run_folder.DATA).exists() and (folder / run_folder.RUN).exists()):
        check_datasets(datasets, on_progress).save(folder / run_folder.DATA)
