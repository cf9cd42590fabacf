"""Records of the predictions for one image: a line of JSON, from which every score can be computed again."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from hqsam.errors import DataError
from hqsam.masks.rle import Rle


class Column(NamedTuple):
    """A column of a report: a source of masks and a kind of prompt."""

    source: str
    """The source of the masks: "sum", "hq" or "sam"."""
    prompt: str
    """The kind of prompt, such as "box" or "3 clicks"."""

    def __str__(self) -> str:
        return f"{self.source}, {self.prompt}"


@dataclass(frozen=True)
class PredictionRecord:
    """One predicted mask and its scores."""

    source: str
    prompt: str
    trial: int
    """The number of the trial, from 0, where a prompt is drawn at random several times."""
    iou: float | None
    """IoU with the ground truth; None where there is none, as for a detector's box."""
    boundary_iou: float | None
    score: float
    """The IoU that the model predicts; a detector's own score is in the target's `about`."""
    rle: Rle
    """The mask, of the image's size."""
    ious: tuple[float, ...] = ()
    """IoU after each click, where the prompt is interactive; `iou` and `rle` are of the last."""

    @property
    def column(self) -> Column:
        return Column(self.source, self.prompt)


@dataclass(frozen=True)
class TargetRecord:
    """One object, and all predictions for it."""

    target: str
    about: dict[str, Any]
    """Values that the suite's metric needs: ids of image and class, a detector's score."""
    answers: tuple[PredictionRecord, ...]


@dataclass(frozen=True)
class SampleRecord:
    """One image or frame of a video, with the predictions for its objects."""

    sample: str
    size_hw: tuple[int, int]
    about: dict[str, Any]
    targets: tuple[TargetRecord, ...]
    skipped: dict[str, str] = field(default_factory=dict)
    """Objects that could not be prompted for, and why."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Duration of each part of the work, in seconds."""

    def to_json(self) -> dict[str, Any]:
        """Return the content of a line of the journal; the sample's name is called `case` there."""
        content = asdict(self)
        return {"case": content.pop("sample"), **content}


@dataclass(frozen=True)
class Row:
    """One prediction with all that a metric needs."""

    sample: str
    target: str
    size_hw: tuple[int, int]
    about: dict[str, Any]
    """The sample's and the target's `about` together."""
    iou: float | None
    boundary_iou: float | None
    score: float
    rle: Rle


def from_json(line: Any) -> SampleRecord:
    """Return the record that `SampleRecord.to_json` made a line of.

    Raises:
        DataError: it was written by something else.
    """
    try:
        targets = tuple(_target(target) for target in line["targets"])
        height, width = line["size_hw"]
        return SampleRecord(
            line["case"], (height, width), line["about"], targets, dict(line["skipped"]), dict(line["seconds"])
        )
    except (LookupError, TypeError, ValueError) as error:
        raise DataError(f"this is no line of hqsam's evaluation: {str(line)[:80]} ({error})") from error


def columns_of(records: Iterable[SampleRecord]) -> list[Column]:
    """Return every column that has a prediction, in their order."""
    found: dict[Column, None] = {}
    for record in records:
        for target in record.targets:
            found.update(dict.fromkeys(answer.column for answer in target.answers))
    return list(found)


def rows_of(records: Iterable[SampleRecord], column: Column, trial: int = 0) -> list[Row]:
    """Return the predictions of one column and one trial, in order."""
    return [
        Row(
            record.sample,
            target.target,
            record.size_hw,
            record.about | target.about,
            answer.iou,
            answer.boundary_iou,
            answer.score,
            answer.rle,
        )
        for record, target, answer in each_prediction(records)
        if answer.column == column and answer.trial == trial
    ]


def each_prediction(records: Iterable[SampleRecord]) -> Iterator[tuple[SampleRecord, TargetRecord, PredictionRecord]]:
    """Yield every prediction, with its image and its object."""
    for record in records:
        for target in record.targets:
            for answer in target.answers:
                yield record, target, answer


def _target(line: Any) -> TargetRecord:
    answers = tuple(PredictionRecord(**{**answer, "ious": tuple(answer["ious"])}) for answer in line["answers"])
    return TargetRecord(line["target"], line["about"], answers)
