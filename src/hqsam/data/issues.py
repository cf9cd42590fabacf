"""Issues that training data can have, and the report of a check."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from hqsam.errors import DataError
from hqsam.formats.files import read_json, write_json


class IssueKind(NamedTuple):
    """A kind of issue: its words, and whether it breaks the sample."""

    broken: bool
    """True: a sample with it is left out. False: it is used."""
    about: str


ISSUE_KINDS: dict[str, IssueKind] = {
    "no_mask": IssueKind(True, "there is no mask of this image's name"),
    "no_image": IssueKind(True, "there is no image of this mask's name"),
    "doubled": IssueKind(True, "several files have this name, and which of them belong together is not clear"),
    "unreadable_image": IssueKind(True, "the image cannot be read"),
    "unreadable_mask": IssueKind(True, "the mask cannot be read"),
    "other_size": IssueKind(True, "the masks are not of the image's size"),
    "no_objects": IssueKind(True, "the mask is empty: it marks no pixel"),
    "absent_set": IssueKind(False, "a set of HQSeg-44K is not there, and so not trained on"),
    "unexpected_count": IssueKind(False, "the set has not as many images as it is known to have"),
    "unexpected_values": IssueKind(False, "the mask's values fit another kind of mask than the set's"),
    "void": IssueKind(
        False, "the mask has void pixels, 255 beside smaller numbers or VOC's colour: they are no object"
    ),
    "grey_values": IssueKind(False, "the mask has grey values; from half of white on, a pixel is inside"),
    "all_inside": IssueKind(False, "the mask covers the whole image"),
    "tiny": IssueKind(False, "an object has fewer than 10 pixels; the paper's training gives it no clicks"),
    "odd_mode": IssueKind(False, "the image is not plain 8-bit RGB or grey; it is converted"),
    "turned": IssueKind(False, "the image is turned by its EXIF tag; the mask has to be of the upright image"),
    "skipped_annotations": IssueKind(False, "some entries of the annotation file cannot be used and are left out"),
    "skipped_objects": IssueKind(False, "some annotations have no usable mask and are passed over"),
}
"""Kinds of issues by their names in JSON, the breaking ones first."""


@dataclass(frozen=True)
class DataIssue:
    """One thing that is wrong or odd about a sample or a dataset."""

    kind: str
    """A key of `ISSUE_KINDS`."""
    name: str
    """The sample's name, as in `Sample.name`; or the dataset's, for an issue of all of it."""
    detail: str

    @property
    def broken(self) -> bool:
        """True if the sample is left out."""
        return ISSUE_KINDS[self.kind].broken


@dataclass(frozen=True, kw_only=True)
class DatasetSummary:
    """Counts of one dataset."""

    about: str
    """Its layout and how its masks are read, in words."""
    images: int
    """Number of images that were found, broken ones among them."""
    usable: int
    objects: int


@dataclass(frozen=True)
class DataCheck:
    """The report of a check: counts of every dataset, and all issues."""

    sets: Mapping[str, DatasetSummary]
    issues: tuple[DataIssue, ...] = ()

    @property
    def usable(self) -> int:
        """Number of images that are not broken, in all datasets."""
        return sum(one.usable for one in self.sets.values())

    @property
    def broken_names(self) -> frozenset[str]:
        """Names of the samples that are left out."""
        return frozenset(one.name for one in self.issues if one.broken)

    def by_kind(self) -> dict[str, list[DataIssue]]:
        """Return the issues of each kind that was found, in the order of `ISSUE_KINDS`."""
        grouped = {kind: [one for one in self.issues if one.kind == kind] for kind in ISSUE_KINDS}
        return {kind: found for kind, found in grouped.items() if found}

    def save(self, path: Path) -> Path:
        """Write the report as JSON, with every issue."""
        sets = {name: asdict(one) for name, one in self.sets.items()}
        return write_json(path, {"sets": sets, "findings": [asdict(one) for one in self.issues]})

    @classmethod
    def read(cls, path: Path) -> "DataCheck":
        """Read a report that `save` wrote.

        Raises:
            DataError: it is missing, or something else.
        """
        content: Any = read_json(path)
        try:
            sets = {str(name): DatasetSummary(**one) for name, one in content["sets"].items()}
            return cls(sets, tuple(DataIssue(**one) for one in content["findings"]))
        except (LookupError, TypeError, AttributeError) as error:
            raise DataError(f"{path} is not the report of a data check: {error}") from error
