"""The pipeline over many samples: prefetched, encoded once and prompted, and scored while the next is encoded."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from hqsam.evaluation.pipelines import Pipeline, encode
from hqsam.evaluation.record import SampleRecord
from hqsam.evaluation.run_protocol import Prediction, PromptProtocol, run_protocol
from hqsam.evaluation.samples import EvaluationSample
from hqsam.evaluation.stages import LoadedSample, load_sample, score_sample
from hqsam.predict.segmenter import Segmenter

Item = TypeVar("Item")
Product = TypeVar("Product")


def evaluate_samples(
    segmenter: Segmenter,
    samples: Sequence[EvaluationSample],
    protocol: PromptProtocol,
    pipeline: Pipeline,
    workers: int = 2,
    batch_size: int = 1,
) -> Iterator[SampleRecord]:
    """Yield the record of each sample, in their order.

    The model works in the calling thread, on `batch_size` images at a time; `workers` threads read ahead of it, and
    as many measure behind it.

    Raises:
        DataError: an image or its masks cannot be read, or do not fit each other.
    """
    needs_truth = any(prompt_kind.needs_truth for prompt_kind in protocol.prompt_kinds)
    with ThreadPoolExecutor(workers) as readers, ThreadPoolExecutor(workers) as scorers:
        loaded_samples = prefetch(
            readers,
            lambda sample: load_sample(sample, pipeline, segmenter.config, needs_truth),
            samples,
            depth=workers + batch_size,
        )
        answered = _answers(segmenter, loaded_samples, protocol, batch_size)
        yield from prefetch(scorers, lambda work: score_sample(*work), answered, depth=workers)


def prefetch(
    pool: ThreadPoolExecutor, function: Callable[[Item], Product], items: Iterable[Item], depth: int
) -> Iterator[Product]:
    """Yield a function of each item, in order; up to `depth` of them are computed while the caller is busy.

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
    segmenter: Segmenter, loaded_samples: Iterator[LoadedSample], protocol: PromptProtocol, batch_size: int
) -> Iterator[tuple[LoadedSample, list[Prediction], dict[str, float]]]:
    """Yield the predictions for each sample; every image is encoded once for all sources and prompts."""
    while batch := list(islice(loaded_samples, batch_size)):
        began = time.perf_counter()
        sessions = list(encode(segmenter, [loaded.framed for loaded in batch]))
        encoding = (time.perf_counter() - began) / len(batch)
        for loaded, session in zip(batch, sessions, strict=True):
            began = time.perf_counter()
            predictions = list(run_protocol(session, loaded.sample.name, loaded.objects, protocol))
            yield loaded, predictions, {"encode": encoding, "ask": time.perf_counter() - began}
