"""Validation: how good a model is on held-out images, by box and by one click, SAM's masks beside the HQ masks."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch

from hqsam.data.sample import Sample
from hqsam.engines.torch import TorchEngine
from hqsam.evaluation.mask_metrics import mask_scores
from hqsam.hardware import pick_precision
from hqsam.images.contact_sheet import Panel, contact_sheet
from hqsam.images.draw_prompts import DrawnPrompts
from hqsam.images.overlay import overlay
from hqsam.masks.boxes import box_of_mask
from hqsam.masks.regions import innermost_point
from hqsam.model.hq_sam import HQSam
from hqsam.predict.segmenter import Segmenter
from hqsam.predict.session import Session
from hqsam.training.distributed import ProcessGroup

PROMPTS = ("box", "click")
"""Prompts that a validation asks with: the true mask's box, and a click at its innermost point."""

_OBJECTS, _SMALLEST_AREA = 3, 64
"""The largest objects of each image are asked about; those that are too small to have an edge are not."""

_TITLES = {"sam": "SAM", "hq": "HQ", "sum": "HQ + SAM"}


@dataclass(frozen=True)
class ValidationResult:
    """Scores of a validation, and its worst and its best object as pictures."""

    scores: Mapping[str, float]
    """Mean IoU and boundary IoU over all objects, by prompt and source: "click_hq_iou", "box_sum_boundary_iou", ..."""
    images: Mapping[str, np.ndarray] = field(default_factory=dict)
    """RGB pictures "worst" and "best", of the images that this process asked about."""


def validate(
    model: HQSam, samples: Sequence[Sample], processes: ProcessGroup, *, max_images: int = 100
) -> ValidationResult:
    """Ask a model about the largest objects of held-out images. The processes share the images.

    Args:
        model: the model.
        samples: held-out images with their true masks.
        processes: the processes of the run; all of them call this, and all get the same scores.
        max_images: validate on at most this number of images, evenly spread.
    """
    segmenter = Segmenter(TorchEngine(model, processes.device, pick_precision("auto", processes.device)))
    numbers = spread(len(samples), max_images)
    sums: dict[str, float] = defaultdict(float)
    extremes: dict[str, _Answers] = {}
    for number in numbers[processes.rank :: processes.world_size]:
        for answers in _answers(segmenter, samples[number]):
            sums["objects"] += 1
            for name, value in answers.scores.items():
                sums[name] += value
            if "worst" not in extremes or answers.iou < extremes["worst"].iou:
                extremes["worst"] = answers
            if "best" not in extremes or answers.iou > extremes["best"].iou:
                extremes["best"] = answers
    scores = _means(sums, segmenter.config.sources, processes)
    return ValidationResult(scores, {name: _picture(answers) for name, answers in extremes.items()})


class _Answers(NamedTuple):
    """A model's masks of one object."""

    sample: Sample
    truth: np.ndarray
    masks: dict[tuple[str, str], np.ndarray]
    """Masks by prompt and source."""
    scores: dict[str, float]

    @property
    def iou(self) -> float:
        """Mean over the prompts, of the masks that users get by default."""
        default = next(iter(self.masks))[1]
        return float(np.mean([self.scores[f"{prompt}_{default}_iou"] for prompt in PROMPTS]))


def _answers(segmenter: Segmenter, sample: Sample) -> list[_Answers]:
    truths = sorted((sample.mask(number) for number in sample.object_ids), key=np.count_nonzero, reverse=True)
    truths = [truth for truth in truths[:_OBJECTS] if np.count_nonzero(truth) >= _SMALLEST_AREA]
    session = segmenter.open(sample.image) if truths else None
    return [_answered(session, segmenter.config.sources, sample, truth) for truth in truths if session]


def _answered(session: Session, sources: Sequence[str], sample: Sample, truth: np.ndarray) -> _Answers:
    prompts = {"box": {"box": box_of_mask(truth)}, "click": {"points": [innermost_point(truth)], "labels": [1]}}
    masks, scores = {}, {}
    for prompt in PROMPTS:
        for source in sources:
            mask = session.segment(**prompts[prompt], source=source).masks[0]
            found = mask_scores(mask, truth)
            masks[prompt, source] = mask
            scores[f"{prompt}_{source}_iou"] = found.iou
            scores[f"{prompt}_{source}_boundary_iou"] = found.boundary_iou
    return _Answers(sample, truth, masks, scores)


def _means(sums: Mapping[str, float], sources: Sequence[str], processes: ProcessGroup) -> dict[str, float]:
    metrics = ("iou", "boundary_iou")
    names = [f"{prompt}_{source}_{metric}" for prompt in PROMPTS for source in sources for metric in metrics]
    values = torch.tensor([sums.get(name, 0.0) for name in ["objects", *names]], device=processes.device)
    processes.all_reduce_mean([values])  # which divides sums and number alike
    objects, *totals = values.tolist()
    return {name: total / objects for name, total in zip(names, totals, strict=True)} if objects else {}


def _picture(answers: _Answers) -> np.ndarray:
    """Return a row for each prompt: the prompt, each source's mask with its IoU, the true mask."""
    image, panels = answers.sample.image, []
    for prompt in PROMPTS:
        panels.append(Panel(overlay(image, [], _drawn(prompt, answers.truth)), prompt))
        for (asked, source), mask in answers.masks.items():
            if asked == prompt:
                words = f"{_TITLES[source]}, IoU {answers.scores[f'{prompt}_{source}_iou']:.2f}"
                panels.append(Panel(overlay(image, [mask]), words))
        panels.append(Panel(overlay(image, [answers.truth]), f"truth: {answers.sample.name}"))
    return contact_sheet(panels, columns=len(panels) // len(PROMPTS), panel_width=320)


def _drawn(prompt: str, truth: np.ndarray) -> DrawnPrompts:
    if prompt == "box":
        return DrawnPrompts(boxes=box_of_mask(truth)[None].astype(np.float32))
    return DrawnPrompts(points=np.array([innermost_point(truth)], np.float32), labels=np.ones(1))


def score_table(validations: Mapping[str, Mapping[str, float]]) -> str:
    """Return scores as a table in Markdown: IoU / boundary IoU in per cent, a row for each validation by its name."""
    names = dict.fromkeys(name for scores in validations.values() for name in scores)
    columns = [name.removesuffix("_boundary_iou") for name in names if name.endswith("_boundary_iou")]
    titles = [f"{prompt}, {_TITLES[source]}" for prompt, _, source in (name.partition("_") for name in columns)]
    rows = [["IoU / boundary IoU", *titles], ["---", *["---:"] * len(titles)]]
    for label, scores in validations.items():
        pairs = [(f"{column}_iou", f"{column}_boundary_iou") for column in columns]
        rows.append(
            [label, *(" / ".join(f"{100 * scores[name]:.1f}" for name in pair if name in scores) for pair in pairs)]
        )
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(f"| {' | '.join(map(str.ljust, row, widths))} |" for row in rows)


def spread(count: int, most: int) -> list[int]:
    """Return at most `most` numbers below `count`, evenly apart."""
    return [index * count // min(count, most) for index in range(min(count, most))]
