"""The metrics of suites, as a table: each takes the predictions for a split and gives scores from 0 to 1."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from hqsam.evaluation import average_precision, davis, mask_metrics, tubes, video_objects
from hqsam.evaluation.record import Row
from hqsam.evaluation.samples import OpenSplit

Scores = dict[str, float]
"""Scores by their names, such as mIoU."""


@dataclass(frozen=True)
class Metric:
    """A metric: a row of `METRICS`."""

    name: str
    about: str
    names: tuple[str, ...]
    """Names of the scores that it may give, the headline first."""
    score_split: Callable[[OpenSplit, Sequence[Row]], Scores] | None = None
    """The function that gives the scores; None where mIoU and mBIoU are all."""
    package: str = ""
    """The optional package that it needs, of the extra `evaluate`."""

    def score(self, split: OpenSplit, rows: Sequence[Row]) -> Scores:
        """Return the scores of a split; beside them mIoU and mBIoU, if all rows have a ground-truth mask."""
        return (self.score_split(split, rows) if self.score_split else {}) | mask_metrics.overlap(rows)


def mean_of(scores: Sequence[Scores]) -> Scores:
    """Return the means over splits, each counting the same, of the scores that all of them have."""
    shared = [name for name in scores[0] if all(name in each for each in scores)]
    return {name: sum(each[name] for each in scores) / len(scores) for name in shared}


_AREAS = ("AP_S", "AP_M", "AP_L")
_BOUNDARY = ("AP_B", "AP_B50", "AP_B75", "AP_B_strict", "AP_B50_strict", "AP_B75_strict")
_PRECISION = ("AP", "AP50", "AP75", *_AREAS)

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "iou",
            "mean IoU and mean boundary IoU over masks (boundary 0.02 of the diagonal wide)",
            ("mIoU", "mBIoU"),
        ),
        Metric(
            "ap",
            "COCO's AP of masks, and of boundaries 0.02 and (strict) 0.01 of the diagonal wide",
            (*_PRECISION, *_BOUNDARY),
            average_precision.score_split,
            package="faster_coco_eval",
        ),
        Metric(
            "ap_any",
            "the same without classes: every object is one of one class",
            (*_PRECISION, *_BOUNDARY),
            partial(average_precision.score_split, rules="any class"),
            package="faster_coco_eval",
        ),
        Metric(
            "lvis",
            "LVIS's AP: federated, 300 masks an image, by rare, common and frequent classes",
            (*_PRECISION, "AP_r", "AP_c", "AP_f", *_BOUNDARY),
            partial(average_precision.score_split, rules="lvis"),
            package="faster_coco_eval",
        ),
        Metric(
            "davis",
            "DAVIS 2017, semi-supervised: region similarity J and contour accuracy F over objects",
            ("J&F", "J", "J_recall", "J_decay", "F", "F_recall", "F_decay"),
            davis.score_split,
        ),
        Metric(
            "video_objects",
            "as YouTube-VOS has it, semi-supervised: J and F over objects, each from the frame after its first",
            ("J&F", "J", "F"),
            video_objects.score_split,
        ),
        Metric(
            "tubes",
            "AP of tubes, the masks of an object in all frames: of masks as YTVIS has it, and of boundaries",
            (*_PRECISION, "AP_B", "AP_B50", "AP_B75"),
            tubes.score_split,
        ),
    )
}
