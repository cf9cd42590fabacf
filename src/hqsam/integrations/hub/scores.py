"""Figures of a model card, from the reports that `hqsam evaluate` writes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hqsam.errors import DataError
from hqsam.evaluation.suites import SUITES
from hqsam.formats.files import read_json

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

REPORT = "report.json"


@dataclass(frozen=True)
class Score:
    """One figure: a metric on a split, by one prompt and one source of masks."""

    suite: str
    split: str
    prompt: str
    source: str
    metric: str
    value: float
    """In per cent."""

    @property
    def title(self) -> str:
        """Name of the split, and of the suite if that says more."""
        known = SUITES.get(self.suite)
        return f"{known.title if known else self.suite} ({self.split})"


@dataclass(frozen=True)
class Report:
    """One evaluation: its settings, and every figure."""

    settings: Mapping[str, Any]
    made: Mapping[str, str]
    images: int
    scores: tuple[Score, ...]

    @property
    def how(self) -> str:
        """How the figures were made, in a sentence."""
        settings = self.settings
        return (
            f"{settings['suite']}: {self.images} of {settings['images']} images, pipeline {settings['pipeline']}, "
            f"precision {settings['precision']}, {self.made.get('hqsam', 'hqsam')}, {self.made.get('date', '')}."
        )


def read_reports(paths: Sequence[str | Path], sha256: str) -> list[Report]:
    """Read evaluation reports, and check that they are of these weights.

    Args:
        paths: folders of evaluations, or their `report.json`.
        sha256: hash of the checkpoint file.

    Raises:
        DataError: a file is no report, or of other weights.
    """
    return [_read(Path(path), sha256) for path in paths]


def eval_results(reports: Sequence[Report]) -> "list[EvalResult]":
    """Return the figures as the Hub's `model-index` has them."""
    from huggingface_hub import EvalResult

    return [
        EvalResult(
            task_type="mask-generation",
            task_name="Promptable segmentation",
            dataset_type=score.suite,
            dataset_name=score.title,
            dataset_split=score.split,
            metric_type=score.metric.lower().replace(" ", "_"),
            metric_name=f"{score.metric}, prompt: {score.prompt}, masks: {score.source}",
            metric_value=round(score.value, 2),
        )
        for report in reports
        for score in report.scores
    ]


def _read(path: Path, sha256: str) -> Report:
    file = path / REPORT if path.is_dir() else path
    if not file.is_file():
        raise DataError(f"there is no evaluation report {file}; give the folder that `hqsam evaluate --out` wrote")
    content = read_json(file)
    if content.get("hqsam") != "evaluation":
        raise DataError(f"{file} is no report of an evaluation: it does not say so; `hqsam evaluate` writes {REPORT}")
    try:
        report = Report(content["settings"], content["made"], content["images"], tuple(_scores(content)))
        evaluated, how = str(content["settings"]["weights"]), report.how
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise DataError(f"{file} is a damaged report ({error!r}); evaluate again") from error
    if evaluated != sha256:
        raise DataError(
            f"{file} is about other weights ({how}): it evaluated a file with the sha256 "
            f"{evaluated[:12] or 'unknown'}, and the one to push has {sha256[:12]}; evaluate this one"
        )
    return report


def _scores(content: Mapping[str, Any]) -> Iterator[Score]:
    for column in content["columns"]:
        for split, values in column["scores"].items():
            for metric, value in values.items():
                yield Score(
                    content["settings"]["suite"], split, column["prompt"], column["source"], metric, 100 * float(value)
                )
