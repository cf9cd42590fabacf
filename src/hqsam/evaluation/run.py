"""A suite put to a model: photos are read ahead, each encoded once and asked about, and measured behind."""

import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import numpy as np

from hqsam.errors import DataError
from hqsam.evaluation.asking import Interview, Reply, ask
from hqsam.evaluation.cases import Case, Target
from hqsam.evaluation.pipelines import Pipeline, View, encode, open_view
from hqsam.evaluation.questions import Shown
from hqsam.evaluation.record import Answer, CaseRecord, TargetRecord
from hqsam.evaluation.results import WHOLE, Results, Shard
from hqsam.masks.boundary import boundary, iou
from hqsam.masks.rle import encode as to_rle
from hqsam.pictures.reading import read_image
from hqsam.predict.segmenter import Segmenter

Item, Product = TypeVar("Item"), TypeVar("Product")
OnProgress = Callable[[int, int], None]
"""Told how many images are done, of how many."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What makes a run this one and no other: all that its figures depend on."""

    suite: str
    model: str
    weights: str
    """A fingerprint of the weights, such as the file's SHA-256."""
    precision: str
    pipeline: Pipeline
    interview: Interview
    boxes: str = ""
    """The detector's file, and a fingerprint of it, where boxes come from one."""

    def settings(self, cases: Sequence[Case]) -> dict[str, Any]:
        """As JSON, with a fingerprint of the suite's images, so that another data set is found out."""
        names = "\n".join(case.name for case in cases)
        return {
            "suite": self.suite,
            "images": len(cases),
            "names_of_images": f"{zlib.crc32(names.encode()):08x}",
            "model": self.model,
            "weights": self.weights,
            "precision": self.precision,
            "pipeline": self.pipeline,
            "sources": list(self.interview.sources),
            "prompts": [question.name for question in self.interview.questions],
            "reading": self.interview.reading,
            "seed": self.interview.seed,
            "boxes": self.boxes,
        }


class Scene(NamedTuple):
    """A case that has been read."""

    case: Case
    view: View
    size_hw: tuple[int, int]
    objects: list[Shown]
    skipped: dict[str, str]
    seconds: float


def evaluate(
    segmenter: Segmenter,
    cases: Sequence[Case],
    plan: Plan,
    results: Results,
    shard: Shard = WHOLE,
    workers: int = 2,
    batch_size: int = 1,
    on_progress: OnProgress = lambda done, total: None,
) -> None:
    """Ask about every case of the shard that the results do not have yet.

    Threads read ahead and measure behind, `workers` each; the model works in the calling thread.

    Raises:
        DataError: an image or its masks cannot be read, or do not fit each other. What was done before is kept.
        OutputError: the results cannot be written.
    """
    ours = shard.part(cases)
    missing = [case for case in ours if case.name not in results.records]
    done = len(ours) - len(missing)
    on_progress(done, len(ours))
    with ThreadPoolExecutor(workers) as readers, ThreadPoolExecutor(workers) as scorers:
        scenes = _ahead(readers, lambda case: _read(case, segmenter, plan), missing, workers + batch_size)
        answered = _answers(segmenter, scenes, plan.interview, batch_size)
        for record in _ahead(scorers, lambda scene_and_replies: _measure(*scene_and_replies), answered, workers):
            results.add(record)
            done += 1
            on_progress(done, len(ours))


def _ahead(
    pool: ThreadPoolExecutor, function: Callable[[Item], Product], items: Iterable[Item], depth: int
) -> Iterator[Product]:
    """The function of each item, in order, with `depth` of them being worked on while the caller is busy."""
    waiting: deque[Future[Product]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > depth:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _read(case: Case, segmenter: Segmenter, plan: Plan) -> Scene:
    began = time.perf_counter()
    pixels = read_image(case.image)
    size_hw = (pixels.shape[0], pixels.shape[1])
    view = open_view(plan.pipeline, pixels, segmenter.config.image_size)
    targets, mask_size = case.targets(), segmenter.config.mask_size
    skipped = {target.name: why for target in targets if (why := _why_not(target, plan, size_hw))}
    objects = [_shown(case, target, view, size_hw, mask_size) for target in targets if target.name not in skipped]
    return Scene(case, view, size_hw, objects, skipped, time.perf_counter() - began)


def _why_not(target: Target, plan: Plan, size_hw: tuple[int, int]) -> str:
    """Why a target cannot be asked about, or nothing."""
    if target.truth is not None:
        return "" if target.truth.any() else "the true mask is empty"
    if target.box is None or any(question.needs_truth for question in plan.interview.questions):
        return "it has no true mask to draw the prompt from"
    (height, width), (x0, y0, x1, y1) = size_hw, target.box
    inside = min(x1, width) > max(x0, 0) and min(y1, height) > max(y0, 0)
    return "" if inside else f"its box {tuple(target.box)} has no area in the image"


def _shown(case: Case, target: Target, view: View, size_hw: tuple[int, int], mask_size: int) -> Shown:
    if target.truth is None:
        return Shown(target, None, view, mask_size)
    if target.truth.shape != size_hw:
        (height, width), (image_height, image_width) = target.truth.shape, size_hw
        raise DataError(
            f"the true mask {target.name} of {case.name} is {width} x {height} pixels and its image {case.image} "
            f"{image_width} x {image_height}; they must be of one size"
        )
    return Shown(target, view.show(target.truth, target.gray), view, mask_size)


def _answers(
    segmenter: Segmenter, scenes: Iterator[Scene], interview: Interview, batch_size: int
) -> Iterator[tuple[Scene, list[Reply], dict[str, float]]]:
    """The part that the model does, image by image."""
    while batch := list(islice(scenes, batch_size)):
        began = time.perf_counter()
        sessions = list(encode(segmenter, [scene.view for scene in batch]))
        encoding = (time.perf_counter() - began) / len(batch)
        for scene, session in zip(batch, sessions, strict=True):
            began = time.perf_counter()
            replies = list(ask(session, scene.case.name, scene.objects, interview))
            asking = time.perf_counter() - began
            yield scene, replies, {"read": scene.seconds, "encode": encoding, "ask": asking}


def _measure(scene: Scene, replies: Sequence[Reply], seconds: dict[str, float]) -> CaseRecord:
    began = time.perf_counter()
    answers: list[list[Answer]] = [[] for _ in scene.objects]
    edges = [None if one.target.truth is None else boundary(one.target.truth) for one in scene.objects]
    for reply in replies:
        target = scene.objects[reply.number].target
        answers[reply.number].append(_answer(reply, scene.view, target, edges[reply.number]))
    targets = [
        TargetRecord(one.target.name, one.target.about, tuple(its))
        for one, its in zip(scene.objects, answers, strict=True)
    ]
    seconds |= {"measure": time.perf_counter() - began}
    rounded = {name: round(value, 4) for name, value in seconds.items()}
    return CaseRecord(scene.case.name, scene.size_hw, scene.case.about, tuple(targets), scene.skipped, rounded)


def _answer(reply: Reply, view: View, target: Target, edge: np.ndarray | None) -> Answer:
    mask = view.mask(reply.logits)
    known = target.truth is not None and edge is not None
    return Answer(
        source=reply.source,
        prompt=reply.prompt,
        trial=reply.trial,
        iou=iou(mask, target.truth) if known else None,
        boundary_iou=iou(boundary(mask), edge) if known else None,
        score=reply.score,
        rle=to_rle(mask),
        ious=reply.ious,
    )
