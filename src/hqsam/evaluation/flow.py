"""The work on many images: read ahead, encoded once each and asked about, and measured while the next is encoded."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from hqsam.evaluation.asking import Interview, Reply, ask
from hqsam.evaluation.cases import Case
from hqsam.evaluation.pipelines import Pipeline, encode
from hqsam.evaluation.record import CaseRecord
from hqsam.evaluation.scenes import Scene, measure_scene, read_scene
from hqsam.predict.segmenter import Segmenter

Item = TypeVar("Item")
Product = TypeVar("Product")


def records_of(
    segmenter: Segmenter,
    cases: Sequence[Case],
    interview: Interview,
    pipeline: Pipeline,
    workers: int = 2,
    batch_size: int = 1,
) -> Iterator[CaseRecord]:
    """What the model answers about each case, in their order.

    The model works in the calling thread, on `batch_size` images at a time; `workers` threads read ahead of it, and
    as many measure behind it.

    Raises:
        DataError: an image or its masks cannot be read, or do not fit each other.
    """
    needs_truth = any(question.needs_truth for question in interview.questions)
    with ThreadPoolExecutor(workers) as readers, ThreadPoolExecutor(workers) as scorers:
        scenes = ahead(
            readers,
            lambda case: read_scene(case, pipeline, segmenter.config, needs_truth),
            cases,
            depth=workers + batch_size,
        )
        answered = _answers(segmenter, scenes, interview, batch_size)
        yield from ahead(scorers, lambda work: measure_scene(*work), answered, depth=workers)


def ahead(
    pool: ThreadPoolExecutor, function: Callable[[Item], Product], items: Iterable[Item], depth: int
) -> Iterator[Product]:
    """The function of each item, in order; up to `depth` of them are being worked on while the caller is busy.

    Items are taken in the calling thread.
    """
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


def _answers(
    segmenter: Segmenter, scenes: Iterator[Scene], interview: Interview, batch_size: int
) -> Iterator[tuple[Scene, list[Reply], dict[str, float]]]:
    """The model's part: every image is encoded once for all sources and prompts."""
    while batch := list(islice(scenes, batch_size)):
        began = time.perf_counter()
        sessions = list(encode(segmenter, [scene.view for scene in batch]))
        encoding = (time.perf_counter() - began) / len(batch)
        for scene, session in zip(batch, sessions, strict=True):
            began = time.perf_counter()
            replies = list(ask(session, scene.case.name, scene.objects, interview))
            yield scene, replies, {"encode": encoding, "ask": time.perf_counter() - began}
