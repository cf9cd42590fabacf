"""HQSeg-44K, which the paper trains on: six datasets in seven folders, as the official training lays them out.

The data are their authors' and not ours to hand on; DIS5K has terms of use of its own. Names, numbers and where each
comes from: docs/data.md.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from hqsam.data.dataset import MaskDataset
from hqsam.data.folders import files_in_two_folders, files_side_by_side, pair_dataset
from hqsam.data.issues import DataIssue


@dataclass(frozen=True, kw_only=True)
class Subset:
    """One part of HQSeg-44K: images (.jpg) with one mask each (.png)."""

    name: str
    images: str
    """Folder of the images below the root."""
    masks: str
    """Folder of the masks below the root; the images' own where both lie side by side."""
    expected: int
    """Number of pairs, by the paper's table 14 and, for the two parts of DUTS, their publication."""


TRAINING = (
    Subset(name="DIS-TR", images="DIS5K/DIS-TR/im", masks="DIS5K/DIS-TR/gt", expected=3000),
    Subset(
        name="ThinObject5K-TR",
        images="thin_object_detection/ThinObject5K/images_train",
        masks="thin_object_detection/ThinObject5K/masks_train",
        expected=4748,
    ),
    Subset(name="FSS", images="cascade_psp/fss_all", masks="cascade_psp/fss_all", expected=10000),
    Subset(name="DUTS-TR", images="cascade_psp/DUTS-TR", masks="cascade_psp/DUTS-TR", expected=10553),
    Subset(name="DUTS-TE", images="cascade_psp/DUTS-TE", masks="cascade_psp/DUTS-TE", expected=5019),
    Subset(name="ECSSD", images="cascade_psp/ecssd", masks="cascade_psp/ecssd", expected=1000),
    Subset(name="MSRA10K", images="cascade_psp/MSRA_10K", masks="cascade_psp/MSRA_10K", expected=10000),
)

VALIDATION = (
    Subset(name="DIS-VD", images="DIS5K/DIS-VD/im", masks="DIS5K/DIS-VD/gt", expected=470),
    Subset(
        name="COIFT",
        images="thin_object_detection/COIFT/images",
        masks="thin_object_detection/COIFT/masks",
        expected=280,
    ),
    Subset(
        name="HRSOD",
        images="thin_object_detection/HRSOD/images",
        masks="thin_object_detection/HRSOD/masks_max255",
        expected=287,
    ),
    Subset(
        name="ThinObject5K-TE",
        images="thin_object_detection/ThinObject5K/images_test",
        masks="thin_object_detection/ThinObject5K/masks_test",
        expected=500,
    ),
)


Split = Literal["training", "validation"]

SPLITS: dict[Split, tuple[Subset, ...]] = {"training": TRAINING, "validation": VALIDATION}


def is_root(folder: Path, subsets: tuple[Subset, ...] = TRAINING) -> bool:
    """Return True for a folder that holds any of the subsets."""
    return any((folder / subset.images).is_dir() for subset in subsets)


def open_subsets(root: Path, subsets: tuple[Subset, ...] = TRAINING) -> dict[str, MaskDataset]:
    """Return the subsets that are there, by their names; those that are absent are issues of the first.

    Raises:
        DataError: a folder is there, and has no image with a mask.
    """
    absent = [subset for subset in subsets if not (root / subset.images).is_dir()]
    sets = {subset.name: _open(root, subset) for subset in subsets if subset not in absent}
    issues = tuple(DataIssue("absent_set", one.name, f"there is no {root / one.images}") for one in absent)
    return {
        name: replace(found, issues=found.issues + issues * (number == 0))
        for number, (name, found) in enumerate(sets.items())
    }


def _open(root: Path, subset: Subset) -> MaskDataset:
    images, masks = root / subset.images, root / subset.masks
    files = files_side_by_side(images) if images == masks else files_in_two_folders(images, masks)
    found = pair_dataset(subset.name, files, subset.images, "binary")
    if len(found) == subset.expected:
        return found
    said = f"{len(found)} image{'s' * (len(found) != 1)} with masks in {images}; {subset.expected} are expected"
    return replace(found, issues=(*found.issues, DataIssue("unexpected_count", subset.name, said)))
