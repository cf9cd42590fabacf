"""What was answered about the objects of one image: a line of JSON, from which every figure can be made again."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from hqsam.errors import DataError
from hqsam.masks.rle import Rle


class Column(NamedTuple):
    """What the figures of a report are about: whose masks, and how they were asked for."""

    source: str
    """"sum", "hq" or "sam"."""
    prompt: str
    """Such as "box" or "3 clicks"."""

    def __str__(self) -> str:
        return f"{self.source}, {self.prompt}"


@dataclass(frozen=True)
class PredictionRecord:
    """One mask that the model gave."""

    source: str
    prompt: str
    trial: int
    """0, or which draw this is where a prompt is drawn at random several times."""
    iou: float | None
    """With the true mask; None where there is none to compare with, as for a detector's box."""
    boundary_iou: float | None
    score: float
    """The IoU that the model predicts. A detector's own score is in the target's `about`."""
    rle: Rle
    """The mask, at the photo's size."""
    ious: tuple[float, ...] = ()
    """After each click, where the prompt is a conversation; `iou` and `rle` are of the last."""

    @property
    def column(self) -> Column:
        return Column(self.source, self.prompt)


@dataclass(frozen=True)
class TargetRecord:
    """One object, and all answers about it."""

    target: str
    about: dict[str, Any]
    """What the suite's metric wants back: numbers of image and class, a detector's score."""
    answers: tuple[PredictionRecord, ...]


@dataclass(frozen=True)
class SampleRecord:
    """One image, or one frame of a video."""

    sample: str
    size_hw: tuple[int, int]
    about: dict[str, Any]
    targets: tuple[TargetRecord, ...]
    skipped: dict[str, str] = field(default_factory=dict)
    """Objects that could not be asked about, and why."""
    seconds: dict[str, float] = field(default_factory=dict)
    """How long each part of the work took."""

    def to_json(self) -> dict[str, Any]:
        """What a line of the journal holds."""
        content = asdict(self)
        return {"case": content.pop("sample"), **content}


@dataclass(frozen=True)
class Row:
    """One answer with all that a metric asks about it."""

    sample: str
    target: str
    size_hw: tuple[int, int]
    about: dict[str, Any]
    """The case's and the target's together."""
    iou: float | None
    boundary_iou: float | None
    score: float
    rle: Rle


def from_json(line: Any) -> SampleRecord:
    """The way back from `CaseRecord.to_json`.

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
    """Every column that has an answer, in the order in which they were asked."""
    found: dict[Column, None] = {}
    for record in records:
        for target in record.targets:
            found.update(dict.fromkeys(answer.column for answer in target.answers))
    return list(found)


def rows_of(records: Iterable[SampleRecord], column: Column, trial: int = 0) -> list[Row]:
    """The answers of one column and one trial, in order."""
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
    """Every answer, with the object and the image that it is about."""
    for record in records:
        for target in record.targets:
            for answer in target.answers:
                yield record, target, answer


def _target(line: Any) -> TargetRecord:
    answers = tuple(PredictionRecord(**{**answer, "ious": tuple(answer["ious"])}) for answer in line["answers"])
    return TargetRecord(line["target"], line["about"], answers)
