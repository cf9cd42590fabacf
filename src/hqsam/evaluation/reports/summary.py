"""The scores of a run, computed from its records: the content of `report.json` and of all other reports."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from hqsam.evaluation.mask_metrics import mean_clicks
from hqsam.evaluation.prompt_protocols import TRIALS, InteractiveProtocol
from hqsam.evaluation.record import Column, PredictionRecord, SampleRecord, columns_of, each_prediction, rows_of
from hqsam.evaluation.suites.suite import OpenSuite

Scores = dict[str, float]
GOALS = (0.85, 0.90)
"""Target IoUs of NoC@85 and NoC@90."""


@dataclass(frozen=True)
class ColumnScores:
    """The scores of one source with one kind of prompt."""

    source: str
    prompt: str
    scores: dict[str, Scores]
    """Scores of each split and their mean, 0 to 1; of random prompts the mean of their trials."""
    curve: tuple[float, ...] = ()
    """Mean IoU after each click, where the prompt is interactive; an object that is done keeps its last."""
    clicks: dict[str, float] = field(default_factory=dict)
    """NoC@85 and NoC@90 and the numbers of objects that were not reached, where the prompt is interactive."""

    @property
    def column(self) -> Column:
        return Column(self.source, self.prompt)


@dataclass(frozen=True)
class ObjectScores:
    """IoU and boundary IoU of each object in every column, by which two runs are compared."""

    names: list[tuple[str, str]]
    """Names of the sample and the target."""
    values: dict[str, list[tuple[float, float] | None]]
    """Scores by column, in the order of the names; None where there is no prediction with a ground truth."""


@dataclass(frozen=True)
class Summary:
    """All scores and facts of a run."""

    settings: dict[str, Any]
    made: dict[str, str]
    """Versions, device and date of the run."""
    images: int
    """Number of images that were evaluated, of `settings["images"]`."""
    columns: list[ColumnScores]
    published: list[dict[str, Any]]
    """Published numbers of this suite."""
    skipped: dict[str, str]
    """Objects that could not be prompted for, and why."""
    seconds: dict[str, float]
    """Mean seconds for an image of each part of the work; parts overlap."""
    objects: ObjectScores = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return the content of `report.json`."""
        return {"hqsam": "evaluation", **asdict(self)}


def summarise(
    records: Mapping[str, SampleRecord], suite: OpenSuite, settings: dict[str, Any], made: dict[str, str]
) -> Summary:
    """Compute all scores over the images that have a record.

    Raises:
        DataError: there is none, or a prediction lacks what the suite's metric needs.
        MissingExtra: the metric needs a package that is not installed.
    """
    ordered = [records[sample.name] for sample in suite.samples if sample.name in records]
    return Summary(
        settings=settings,
        made=made,
        images=len(ordered),
        columns=[_column_scores(ordered, suite, column) for column in columns_of(ordered)],
        published=[asdict(printed) for printed in suite.suite.published],
        skipped={f"{record.sample}/{name}": why for record in ordered for name, why in record.skipped.items()},
        seconds=_mean_seconds(ordered),
        objects=object_scores(ordered),
    )


def object_scores(records: Sequence[SampleRecord]) -> ObjectScores:
    """Return IoU and boundary IoU by object and column, means of trials."""
    found: dict[str, dict[tuple[str, str], list[PredictionRecord]]] = defaultdict(lambda: defaultdict(list))
    names: dict[tuple[str, str], None] = {}
    for record, target, answer in each_prediction(records):
        names[record.sample, target.target] = None
        if answer.iou is not None:
            found[str(answer.column)][record.sample, target.target].append(answer)
    values = {column: [_mean_of_trials(by_object.get(name)) for name in names] for column, by_object in found.items()}
    return ObjectScores(list(names), values)


def _mean_of_trials(answers: Sequence[PredictionRecord] | None) -> tuple[float, float] | None:
    if not answers:
        return None
    ious, boundary_ious = zip(*((answer.iou or 0.0, answer.boundary_iou or 0.0) for answer in answers), strict=True)
    return float(np.mean(ious)), float(np.mean(boundary_ious))


def _column_scores(records: Sequence[SampleRecord], suite: OpenSuite, column: Column) -> ColumnScores:
    asked = [record.sample for record in records]
    trials = [rows for trial in range(TRIALS) if (rows := rows_of(records, column, trial))]
    scores = [suite.score(rows, asked) for rows in trials]
    means = {
        split: {name: float(np.mean([each[split][name] for each in scores])) for name in scores[0][split]}
        for split in scores[0]
    }
    curves = _curves(records, column)
    return ColumnScores(column.source, column.prompt, means, _mean_curve(curves), _clicks_needed(curves))


def _curves(records: Sequence[SampleRecord], column: Column) -> list[tuple[float, ...]]:
    return [answer.ious for _, _, answer in each_prediction(records) if answer.column == column and answer.ious]


def _mean_curve(curves: Sequence[Sequence[float]]) -> tuple[float, ...]:
    most = max(map(len, curves), default=0)
    filled = [[*curve, *[curve[-1]] * (most - len(curve))] for curve in curves]
    return tuple(float(value) for value in np.mean(filled, axis=0)) if curves else ()


def _clicks_needed(curves: Sequence[Sequence[float]]) -> Scores:
    needed: Scores = {}
    for goal in GOALS if curves else ():
        clicks, failures = mean_clicks(curves, goal, InteractiveProtocol.most_clicks)
        needed |= {f"NoC@{goal * 100:.0f}": clicks, f"not reached@{goal * 100:.0f}": failures}
    return needed


def _mean_seconds(records: Sequence[SampleRecord]) -> dict[str, float]:
    parts = dict.fromkeys(part for record in records for part in record.seconds)
    return {part: float(np.mean([record.seconds.get(part, 0.0) for record in records])) for part in parts}
