"""HQSeg-44K, which the paper trains on: six sources in seven folders, as the official training lays them out.

The data are their authors' and not ours to hand on; DIS5K has terms of use of its own. Names, numbers and where each
comes from: docs/data.md.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from hqsam.data.findings import Finding
from hqsam.data.folders import files_in_two_folders, files_side_by_side, mask_set
from hqsam.data.sets import SampleSet


@dataclass(frozen=True, kw_only=True)
class Source:
    """One set of photos (.jpg) with one mask each (.png)."""

    name: str
    images: str
    """Folder below the root."""
    masks: str
    """Folder below the root; the same where image and mask lie side by side."""
    expected: int
    """Pairs, by the paper's table 14 and, for the two parts of DUTS, their publication."""


TRAINING = (
    Source(name="DIS-TR", images="DIS5K/DIS-TR/im", masks="DIS5K/DIS-TR/gt", expected=3000),
    Source(
        name="ThinObject5K-TR",
        images="thin_object_detection/ThinObject5K/images_train",
        masks="thin_object_detection/ThinObject5K/masks_train",
        expected=4748,
    ),
    Source(name="FSS", images="cascade_psp/fss_all", masks="cascade_psp/fss_all", expected=10000),
    Source(name="DUTS-TR", images="cascade_psp/DUTS-TR", masks="cascade_psp/DUTS-TR", expected=10553),
    Source(name="DUTS-TE", images="cascade_psp/DUTS-TE", masks="cascade_psp/DUTS-TE", expected=5019),
    Source(name="ECSSD", images="cascade_psp/ecssd", masks="cascade_psp/ecssd", expected=1000),
    Source(name="MSRA10K", images="cascade_psp/MSRA_10K", masks="cascade_psp/MSRA_10K", expected=10000),
)

VALIDATION = (
    Source(name="DIS-VD", images="DIS5K/DIS-VD/im", masks="DIS5K/DIS-VD/gt", expected=470),
    Source(
        name="COIFT",
        images="thin_object_detection/COIFT/images",
        masks="thin_object_detection/COIFT/masks",
        expected=280,
    ),
    Source(
        name="HRSOD",
        images="thin_object_detection/HRSOD/images",
        masks="thin_object_detection/HRSOD/masks_max255",
        expected=287,
    ),
    Source(
        name="ThinObject5K-TE",
        images="thin_object_detection/ThinObject5K/images_test",
        masks="thin_object_detection/ThinObject5K/masks_test",
        expected=500,
    ),
)


Part = Literal["training", "validation"]

PARTS: dict[Part, tuple[Source, ...]] = {"training": TRAINING, "validation": VALIDATION}


def is_root(folder: Path, sources: tuple[Source, ...] = TRAINING) -> bool:
    """Whether a folder holds any of the sources."""
    return any((folder / source.images).is_dir() for source in sources)


def open_sources(root: Path, sources: tuple[Source, ...] = TRAINING) -> dict[str, SampleSet]:
    """The sources that are there, by their names; which are not is among the findings of the first.

    Raises:
        DataError: a folder is there, and has no image with a mask.
    """
    absent = [source for source in sources if not (root / source.images).is_dir()]
    sets = {source.name: _open(root, source) for source in sources if source not in absent}
    findings = tuple(Finding("absent_set", one.name, f"there is no {root / one.images}") for one in absent)
    return {
        name: replace(found, findings=found.findings + findings * (number == 0))
        for number, (name, found) in enumerate(sets.items())
    }


def _open(root: Path, source: Source) -> SampleSet:
    images, masks = root / source.images, root / source.masks
    files = files_side_by_side(images) if images == masks else files_in_two_folders(images, masks)
    found = mask_set(source.name, files, source.images, "binary")
    if len(found) == source.expected:
        return found
    said = f"{len(found)} image{'s' * (len(found) != 1)} with masks in {images}; {source.expected} are expected"
    return replace(found, findings=(*found.findings, Finding("unexpected_count", source.name, said)))
