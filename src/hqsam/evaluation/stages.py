"""The stages of a sample before and after the model: loading it for the pipeline, and scoring its predictions.

Both may run in any thread.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hqsam.errors import DataError
from hqsam.evaluation.pipelines import FramedImage, Pipeline
from hqsam.evaluation.prompt_protocols import FramedTarget
from hqsam.evaluation.record import PredictionRecord, SampleRecord, TargetRecord
from hqsam.evaluation.run_protocol import Prediction
from hqsam.evaluation.samples import EvaluationSample, Target
from hqsam.images.reading import read_image
from hqsam.masks.boundary import boundary, iou
from hqsam.masks.rle import encode
from hqsam.model.config import ModelConfig


@dataclass(frozen=True, eq=False)
class LoadedSample:
    """A sample that has been read."""

    sample: EvaluationSample
    framed: FramedImage
    size_hw: tuple[int, int]
    """Height and width of the image."""
    objects: list[FramedTarget]
    skipped: dict[str, str]
    """Targets that cannot be prompted for, and why."""
    seconds: float
    """Duration of reading, in seconds."""


def load_sample(sample: EvaluationSample, pipeline: Pipeline, config: ModelConfig, needs_truth: bool) -> LoadedSample:
    """Read an image and its targets for a model of that config, as the pipeline gives them to it.

    Raises:
        ImageError: the image cannot be read.
        DataError: a mask cannot be read, or is of another size than the image.
    """
    began = time.perf_counter()
    pixels = read_image(sample.image)
    size_hw = (pixels.shape[0], pixels.shape[1])
    framed = FramedImage.of(pipeline, pixels, config.image_size, config.fit)
    targets = sample.targets()
    skipped = {target.name: why for target in targets if (why := _why_not(target, size_hw, needs_truth))}
    asked = [target for target in targets if target.name not in skipped]
    objects = [
        FramedTarget(target, _shown_truth(sample, target, framed, size_hw), framed, config.mask_size)
        for target in asked
    ]
    return LoadedSample(sample, framed, size_hw, objects, skipped, time.perf_counter() - began)


def score_sample(loaded: LoadedSample, predictions: Sequence[Prediction], seconds: dict[str, float]) -> SampleRecord:
    """Return the record of a sample: its masks at the image's size, compared with the ground truth."""
    began = time.perf_counter()
    answers: list[list[PredictionRecord]] = [[] for _ in loaded.objects]
    edges = [None if one.target.truth is None else boundary(one.target.truth) for one in loaded.objects]
    for prediction in predictions:
        target = loaded.objects[prediction.number].target
        answers[prediction.number].append(_answer(prediction, loaded.framed, target, edges[prediction.number]))
    targets = tuple(
        TargetRecord(one.target.name, one.target.about, tuple(its))
        for one, its in zip(loaded.objects, answers, strict=True)
    )
    seconds = {"read": loaded.seconds, **seconds, "measure": time.perf_counter() - began}
    rounded = {part: round(value, 4) for part, value in seconds.items()}
    return SampleRecord(loaded.sample.name, loaded.size_hw, loaded.sample.about, targets, loaded.skipped, rounded)


def _why_not(target: Target, size_hw: tuple[int, int], needs_truth: bool) -> str:
    """Return the reason why a target cannot be prompted for, or nothing."""
    if target.unusable:
        return target.unusable
    if target.truth is not None:
        return "" if target.truth.any() else "the true mask is empty"
    if target.box is None or needs_truth:
        return "it has no true mask to draw the prompt from"
    (height, width), (x0, y0, x1, y1) = size_hw, target.box
    inside = min(x1, width) > max(x0, 0) and min(y1, height) > max(y0, 0)
    return "" if inside else f"its box {tuple(target.box)} has no area in the image"


def _shown_truth(
    sample: EvaluationSample, target: Target, framed: FramedImage, size_hw: tuple[int, int]
) -> np.ndarray | None:
    if target.truth is None:
        return None
    if target.truth.shape != size_hw:
        (height, width), (image_height, image_width) = target.truth.shape, size_hw
        raise DataError(
            f"the true mask {target.name} of {sample.name} is {width} x {height} pixels, and its image "
            f"{sample.image} is {image_width} x {image_height}; they must be of one size"
        )
    return framed.show(target.truth, target.gray)


def _answer(prediction: Prediction, framed: FramedImage, target: Target, edge: np.ndarray | None) -> PredictionRecord:
    mask = framed.mask(prediction.logits)
    return PredictionRecord(
        source=prediction.source,
        prompt=prediction.prompt,
        trial=prediction.trial,
        iou=None if target.truth is None else iou(mask, target.truth),
        boundary_iou=None if edge is None else iou(boundary(mask), edge),
        score=prediction.score,
        rle=encode(mask),
        ious=prediction.ious,
    )
