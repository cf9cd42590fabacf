"""A case before the model sees it and after: read and shown as the pipeline has it, and its answers measured.

Both ends may run in any thread.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hqsam.errors import DataError
from hqsam.evaluation.asking import Reply
from hqsam.evaluation.cases import Case, Target
from hqsam.evaluation.pipelines import Pipeline, View, open_view
from hqsam.evaluation.questions import Shown
from hqsam.evaluation.record import Answer, CaseRecord, TargetRecord
from hqsam.images.reading import read_image
from hqsam.masks.boundary import boundary, iou
from hqsam.masks.rle import encode
from hqsam.model.config import ModelConfig


@dataclass(frozen=True, eq=False)
class Scene:
    """A case that has been read."""

    case: Case
    view: View
    size_hw: tuple[int, int]
    """Of the photo."""
    objects: list[Shown]
    skipped: dict[str, str]
    """Targets that cannot be asked about, and why."""
    seconds: float
    """How long reading took."""


def read_scene(case: Case, pipeline: Pipeline, config: ModelConfig, needs_truth: bool) -> Scene:
    """The photo and its objects, as the pipeline shows them to a model of that config.

    Raises:
        ImageError: the photo cannot be read.
        DataError: a mask cannot be read, or is of another size than the photo.
    """
    began = time.perf_counter()
    pixels = read_image(case.image)
    size_hw = (pixels.shape[0], pixels.shape[1])
    view = open_view(pipeline, pixels, config.image_size)
    targets = case.targets()
    skipped = {target.name: why for target in targets if (why := _why_not(target, size_hw, needs_truth))}
    asked = [target for target in targets if target.name not in skipped]
    objects = [Shown(target, _shown_truth(case, target, view, size_hw), view, config.mask_size) for target in asked]
    return Scene(case, view, size_hw, objects, skipped, time.perf_counter() - began)


def measure_scene(scene: Scene, replies: Sequence[Reply], seconds: dict[str, float]) -> CaseRecord:
    """The record of a case: its masks at the photo's size, compared with the true ones."""
    began = time.perf_counter()
    answers: list[list[Answer]] = [[] for _ in scene.objects]
    edges = [None if one.target.truth is None else boundary(one.target.truth) for one in scene.objects]
    for reply in replies:
        target = scene.objects[reply.number].target
        answers[reply.number].append(_answer(reply, scene.view, target, edges[reply.number]))
    targets = tuple(
        TargetRecord(one.target.name, one.target.about, tuple(its))
        for one, its in zip(scene.objects, answers, strict=True)
    )
    seconds = {"read": scene.seconds, **seconds, "measure": time.perf_counter() - began}
    rounded = {part: round(value, 4) for part, value in seconds.items()}
    return CaseRecord(scene.case.name, scene.size_hw, scene.case.about, targets, scene.skipped, rounded)


def _why_not(target: Target, size_hw: tuple[int, int], needs_truth: bool) -> str:
    """Why a target cannot be asked about, or nothing."""
    if target.truth is not None:
        return "" if target.truth.any() else "the true mask is empty"
    if target.box is None or needs_truth:
        return "it has no true mask to draw the prompt from"
    (height, width), (x0, y0, x1, y1) = size_hw, target.box
    inside = min(x1, width) > max(x0, 0) and min(y1, height) > max(y0, 0)
    return "" if inside else f"its box {tuple(target.box)} has no area in the image"


def _shown_truth(case: Case, target: Target, view: View, size_hw: tuple[int, int]) -> np.ndarray | None:
    if target.truth is None:
        return None
    if target.truth.shape != size_hw:
        (height, width), (image_height, image_width) = target.truth.shape, size_hw
        raise DataError(
            f"the true mask {target.name} of {case.name} is {width} x {height} pixels, and its image {case.image} is "
            f"{image_width} x {image_height}; they must be of one size"
        )
    return view.show(target.truth, target.gray)


def _answer(reply: Reply, view: View, target: Target, edge: np.ndarray | None) -> Answer:
    mask = view.mask(reply.logits)
    return Answer(
        source=reply.source,
        prompt=reply.prompt,
        trial=reply.trial,
        iou=None if target.truth is None else iou(mask, target.truth),
        boundary_iou=None if edge is None else iou(boundary(mask), edge),
        score=reply.score,
        rle=encode(mask),
        ious=reply.ious,
    )
