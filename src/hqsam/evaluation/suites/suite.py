"""A suite: a benchmark as a row of facts, and its data once it is found on disk."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from hqsam.errors import DataError, OptionError
from hqsam.evaluation.metrics import Metric, Scores, mean_of
from hqsam.evaluation.record import Row
from hqsam.evaluation.samples import EvaluationSample, OpenSplit

Source = Literal["sam", "hq", "sum"]

MEAN = "mean"
"""The key of the means over all splits of a suite."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """One set of images below the data folder."""

    name: str
    images: str
    """Folder of the images."""
    truth: str
    """Folder of the masks, or the annotation file."""
    listing: str = ""
    """A file that names what belongs to the set, where there is one."""
    expected: int | None = None
    """Number of its images; None where it is not published."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """Numbers that were printed for a model."""

    model: str
    source: Source
    split: str
    """The split's name, or `MEAN`."""
    prompt: str
    """"box", "detector", "coarse mask", "5 clicks", ..."""
    scores: Scores
    """Scores in per cent, as printed, by the metric's names."""
    where: str
    """The table that they are in."""


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A benchmark: a row of `SUITES`."""

    name: str
    title: str
    splits: tuple[Split, ...]
    layout: str
    """The files on disk, in words."""
    open_split: Callable[[Path, Split], OpenSplit]
    """Finds the files of a split: one function for each layout."""
    ask: Literal["box", "detector"]
    """The paper's prompts: boxes of the ground truth, or of a detector."""
    boxes_from: str = ""
    """The paper's detector or tracker, where there was one."""
    source: Literal["hq", "sum"]
    """The source of the paper's HQ numbers."""
    pipeline: Literal["official", "user"]
    """The pipeline of the paper's numbers: all squashed to the model's square, or sessions as users get them."""
    metric: Metric
    published: tuple[Published, ...] = ()
    takes_files: bool = False
    """True if its data may also be a single annotation file."""
    licence: str
    where: str
    """The place to get it from."""

    @property
    def expected(self) -> int | None:
        """Number of images in all; None where it is not published."""
        counts = [split.expected for split in self.splits]
        return None if None in counts else sum(count for count in counts if count is not None)

    def open(self, data: Path, only: Collection[str] | None = None) -> "OpenSuite":
        """Find the suite's files below a folder; `only` takes some of its sets, by name.

        Raises:
            DataError: the folder does not fit; the message says what was expected and what was found.
            OptionError: there is no set of a name in `only`.
        """
        if not (data.is_dir() or (self.takes_files and data.is_file())):
            raise DataError(f"{data} is not a folder; {self.name} expects there: {self.layout}")
        splits = self.splits if only is None else tuple(self._split(name) for name in only)
        return OpenSuite(self, tuple(_opened(self, data, splits)))

    def _split(self, name: str) -> Split:
        known = {split.name: split for split in self.splits}
        if name not in known:
            raise OptionError(f"{self.name} has no set {name!r}; it has {', '.join(known)}")
        return known[name]


@dataclass(frozen=True)
class OpenSuite:
    """A suite whose data has been found."""

    suite: Suite
    splits: tuple[OpenSplit, ...]

    @property
    def samples(self) -> tuple[EvaluationSample, ...]:
        """All samples, in an order that is always the same."""
        return tuple(sample for split in self.splits for sample in split.samples)

    @property
    def warnings(self) -> list[str]:
        """Differences from the suite's row, such as other numbers of images than expected, and what was left out."""
        expected = {split.name: split.expected for split in self.suite.splits}
        counts = [
            f"{split.name} has {len(split.samples)} images here, and {expected[split.name]} were expected"
            for split in self.splits
            if expected[split.name] not in (None, len(split.samples))
        ]
        return counts + [warning for split in self.splits for warning in split.warnings]

    def score(self, rows: Sequence[Row], asked: Collection[str] | None = None) -> dict[str, Scores]:
        """Return the scores of each split by its name, and of several their `MEAN`, from 0 to 1.

        A score that is not defined, as AP of small objects where there are none, is left out.

        Args:
            rows: the answers to one kind of prompt, decoded from one source.
            asked: the names of the cases that were asked about, where that was not all of them. An image on which
                a detector found nothing has no row, and counts.

        Raises:
            DataError: a row is of no case that was asked about, or nothing was asked.
        """
        splits = [_only(split, asked) for split in self.splits]
        rows_of = _by_split(splits, rows)
        scores = {split.name: self.suite.metric.score(split, rows_of[split.name]) for split in splits if split.samples}
        if not scores:
            raise DataError(f"nothing was asked of {self.suite.name}, so there is nothing to measure")
        return scores | {MEAN: mean_of(list(scores.values()))} if len(scores) > 1 else scores


def _opened(suite: Suite, data: Path, splits: Sequence[Split]) -> Iterator[OpenSplit]:
    """Open each split; the error names all that cannot be opened, and not only the first."""
    errors: dict[str, DataError] = {}
    for split in splits:
        try:
            yield suite.open_split(data, split)
        except DataError as error:  # noqa: PERF203 (files are opened here)
            if len(splits) == 1:
                raise
            errors[split.name] = error
    if errors:
        name, first = next(iter(errors.items()))
        raise DataError(f"{len(errors)} of {len(splits)} sets cannot be opened: {', '.join(errors)}. {name}: {first}")


def _only(split: OpenSplit, asked: Collection[str] | None) -> OpenSplit:
    if asked is None:
        return split
    return replace(split, samples=tuple(sample for sample in split.samples if sample.name in asked))


def _by_split(splits: Sequence[OpenSplit], rows: Sequence[Row]) -> dict[str, list[Row]]:
    split_of = {sample.name: split.name for split in splits for sample in split.samples}
    rows_of: dict[str, list[Row]] = {split.name: [] for split in splits}
    for row in rows:
        if row.sample not in split_of:
            raise DataError(
                f"an answer is about {row.sample!r}, which is not among the {len(split_of)} images asked about"
            )
        rows_of[split_of[row.sample]].append(row)
    return rows_of
