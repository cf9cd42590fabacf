"""Dynamic batching of prompts: clicks that come at the same time on one image share a pass of the decoder.

There is no thread and no delay for it: the first caller decodes; prompts that come meanwhile are decoded together, by
the first of them, when that pass is done.
"""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from hqsam.engines import EncodedImage, Engine
from hqsam.model.hq_sam import MaskPrediction, Source
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.serving.metrics import Metrics
from hqsam.serving.scheduler.request_context import RequestContext, current_context

_MAX_BATCH = 16


@dataclass(eq=False)
class _Task:
    context: RequestContext
    engine: Engine
    image: EncodedImage
    prompts: PromptBatch
    source: Source
    candidates: Any
    future: "Future[MaskPrediction]" = field(default_factory=Future)

    def can_batch_with(self, other: "_Task") -> bool:
        """Return True if one pass gives both their exact results: the same image, and prompts of one shape."""
        return (
            self.image is other.image
            and (self.source, self.candidates) == (other.source, other.candidates)
            and self.prompts.shape == other.prompts.shape
        )


class DecodeBatcher:
    """Runs one decoder pass at a time on a device, for all prompts that can share it."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._pending: list[_Task] = []
        self._lock, self._device = threading.Lock(), threading.Lock()
        self._idle = threading.Event()
        self._idle.set()

    def decode(
        self, engine: Engine, image: EncodedImage, prompts: PromptBatch, source: Source, candidates: Any
    ) -> MaskPrediction:
        """Return what `engine.decode` returns for these prompts.

        Raises:
            ClientDisconnected: the client has left.
        """
        task = _Task(current_context(), engine, image, prompts, source, candidates)
        with self._registered(task), self._device:
            if not task.future.done():
                self._run(self._batch_of(task))
        return task.future.result()

    def wait_until_idle(self, seconds: float = 1.0) -> None:
        """Wait until no prompts are pending, at most `seconds`; for work of low priority."""
        self._idle.wait(seconds)

    @contextmanager
    def _registered(self, task: _Task) -> Iterator[None]:
        with self._lock:
            self._pending.append(task)
            self._idle.clear()
        try:
            yield
        finally:
            with self._lock:
                self._pending.remove(task)
                if not self._pending:
                    self._idle.set()

    def _batch_of(self, first: _Task) -> list[_Task]:
        """Return the task and the pending ones that can share its pass, without those of clients that have left."""
        first.context.raise_if_cancelled()
        batch, count = [first], len(first.prompts)
        with self._lock:
            pending = list(self._pending)
        for other in pending:
            wanted = other is not first and not other.future.done() and not other.context.is_cancelled
            if wanted and first.can_batch_with(other) and count + len(other.prompts) <= _MAX_BATCH:
                batch.append(other)
                count += len(other.prompts)
        return batch

    def _run(self, batch: list[_Task]) -> None:
        started = time.perf_counter()
        first = batch[0]
        try:
            prompts = PromptBatch.join([task.prompts for task in batch])
            decoded = first.engine.decode(first.image, prompts, first.source, first.candidates)
        except Exception as error:
            for task in batch[1:]:
                task.future.set_exception(error)
            raise
        row = 0
        for task in batch:
            rows = slice(row, row + len(task.prompts))
            task.future.set_result(decoded.select(rows))
            row = rows.stop
        self._metrics.decode_seconds.observe(time.perf_counter() - started)
        self._metrics.decoded_together.observe(len(batch))
