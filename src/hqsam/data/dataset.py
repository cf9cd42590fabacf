"""Datasets whose samples are read from disk when they are indexed."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, overload, runtime_checkable

from hqsam.data.fingerprint import DataFiles, fingerprint
from hqsam.data.issues import DataIssue
from hqsam.data.sample import Sample

if TYPE_CHECKING:
    Samples = Sequence[Sample]
else:
    Samples = Sequence  # whoever checks types at run time would read photos to see that they are samples


@runtime_checkable
class DatasetItem(DataFiles, Protocol):
    """One sample of a dataset as files on disk, in any layout; its name is unique within the dataset."""

    def read(self, longest_side: int | None = None) -> Sample:
        """Read the sample, scaled down so that its long side has at most `longest_side` pixels.

        Raises:
            DataError: a file is missing, damaged, or does not fit.
        """
        ...

    def inspect(self) -> tuple[int, list[DataIssue]]:
        """Return the number of objects, and all that is wrong or odd."""
        ...


@dataclass(frozen=True, kw_only=True)
class MaskDataset(Samples):
    """Samples of one origin. Indexing reads a sample from disk each time; slices are datasets."""

    name: str
    items: tuple[DatasetItem, ...] = field(repr=False)
    about: str
    """Description of the layout and of how masks are read."""
    issues: tuple[DataIssue, ...] = field(default=(), repr=False)
    """Issues that were seen while listing the files; broken samples are not among the items."""
    annotation_file: Path | None = None
    """The COCO file that lists all of its samples, if there is one."""
    longest_side: int | None = None
    """Larger images are scaled down to this long side as they are read, in pixels."""

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> "MaskDataset": ...
    def __getitem__(self, index: int | slice) -> "Sample | MaskDataset":
        if isinstance(index, slice):
            return replace(self, items=self.items[index])
        return self.items[index].read(self.longest_side)

    @property
    def names(self) -> list[str]:
        """The names of the samples, which are not read for it."""
        return [item.name for item in self.items]

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with the files of images and masks, which are read for it."""
        return fingerprint(self.items, () if self.annotation_file is None else (self.annotation_file,))

    def without(self, names: Collection[str]) -> "MaskDataset":
        """Return the dataset without the samples of these names."""
        return replace(self, items=tuple(item for item in self.items if item.name not in names))


def concatenated(sets: Iterable[MaskDataset]) -> MaskDataset:
    """Return one dataset of the samples of all."""
    parts = list(sets)
    if len(parts) == 1:
        return parts[0]
    return MaskDataset(
        name="+".join(part.name for part in parts),
        items=tuple(item for part in parts for item in part.items),
        about="; ".join(dict.fromkeys(part.about for part in parts)),
        issues=tuple(issue for part in parts for issue in part.issues),
        longest_side=parts[0].longest_side if parts else None,
    )
