"""Sets of samples that are read when they are asked for, not before."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, overload, runtime_checkable

from hqsam.data.issues import DataIssue
from hqsam.data.sample import Sample

if TYPE_CHECKING:
    Samples = Sequence[Sample]
else:
    Samples = Sequence  # whoever checks types at run time would read photos to see that they are samples


@runtime_checkable
class DatasetItem(Protocol):
    """Where one sample is on disk, in whatever layout."""

    @property
    def name(self) -> str:
        """Of the sample; no two of a set have the same."""
        ...

    @property
    def image(self) -> Path:
        """The photo's file."""
        ...

    def read(self, longest_side: int | None = None) -> Sample:
        """The sample, scaled down to at most that, in pixels.

        Raises:
            DataError: a file is missing, damaged, or does not fit.
        """
        ...

    def inspect(self) -> tuple[int, list[DataIssue]]:
        """How many objects there are, and all that is wrong or odd about it."""
        ...


@dataclass(frozen=True, kw_only=True)
class MaskDataset(Samples):
    """Samples of one source. Indexing reads a sample from disk each time; slices are sets again."""

    name: str
    items: tuple[DatasetItem, ...] = field(repr=False)
    about: str
    """What it is and how its masks are read, in words."""
    issues: tuple[DataIssue, ...] = field(default=(), repr=False)
    """What was seen amiss while listing the files; what is broken is not among the entries."""
    annotation_file: Path | None = None
    """The file as COCO has it that all of it comes from, if it does."""
    longest_side: int | None = None
    """Larger photos are scaled down to this as they are read, in pixels."""

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
        """The samples' names, without reading them."""
        return [item.name for item in self.items]

    def without(self, names: Collection[str]) -> "MaskDataset":
        """The same set without the samples of these names."""
        return replace(self, items=tuple(item for item in self.items if item.name not in names))


def concatenated(sets: Iterable[MaskDataset]) -> MaskDataset:
    """One set of the samples of all."""
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
