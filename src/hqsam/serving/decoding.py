"""Prompts, decoded together where they can be: clicks that come at the same time on one photo share a pass.

No thread of its own and no waiting for company: whoever comes first decodes; what comes meanwhile is decoded
together, by the first of them, when that is done.
"""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from hqsam.engines import EncodedImage, Engine
from hqsam.model.hq_sam import MaskPrediction, Source
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.serving.asks import Ask, current_ask
from hqsam.serving.metrics import Metrics

_PROMPTS_TOGETHER = 16


@dataclass(eq=False)
class _Ticket:
    ask: Ask
    engine: Engine
    image: EncodedImage
    prompts: PromptBatch
    source: Source
    candidates: int
    answer: "Future[MaskPrediction]" = field(default_factory=Future)

    def goes_with(self, other: "_Ticket") -> bool:
        """Whether one pass can do both, exactly: the same photo, and as many points."""
        return (
            self.image is other.image
            and (self.source, self.candidates) == (other.source, other.candidates)
            and self.prompts.points.shape[1:] == other.prompts.points.shape[1:]
            and (self.prompts.mask_logits is None) == (other.prompts.mask_logits is None)
            and self.prompts.has_mask is None is other.prompts.has_mask
        )


class Decoder:
    """One decoder pass at a time on a device."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._pending: list[_Ticket] = []
        self._lock, self._device = threading.Lock(), threading.Lock()
        self._idle = threading.Event()
        self._idle.set()

    def decode(
        self, engine: Engine, image: EncodedImage, prompts: PromptBatch, source: Source, candidates: Any
    ) -> MaskPrediction:
        """As the engine decodes.

        Raises:
            Gone: who asked has left.
        """
        ticket = _Ticket(current_ask(), engine, image, prompts, source, candidates)
        with self._pending_while(ticket), self._device:
            if not ticket.answer.done():
                self._run(self._batch_of(ticket))
        return ticket.answer.result()

    def give_way(self, seconds: float = 1.0) -> None:
        """Wait while somebody's prompts are pending, but not for ever: for work that is not in a hurry."""
        self._idle.wait(seconds)

    @contextmanager
    def _pending_while(self, ticket: _Ticket) -> Iterator[None]:
        with self._lock:
            self._pending.append(ticket)
            self._idle.clear()
        try:
            yield
        finally:
            with self._lock:
                self._pending.remove(ticket)
                if not self._pending:
                    self._idle.set()

    def _batch_of(self, first: _Ticket) -> list[_Ticket]:
        """The ticket, and those that go with it, as far as they fit; nothing for who has left."""
        first.ask.check()
        batch, count = [first], len(first.prompts)
        with self._lock:
            pending = list(self._pending)
        for other in pending:
            wanted = other is not first and not other.answer.done() and not other.ask.is_gone
            if wanted and first.goes_with(other) and count + len(other.prompts) <= _PROMPTS_TOGETHER:
                batch.append(other)
                count += len(other.prompts)
        return batch

    def _run(self, batch: list[_Ticket]) -> None:
        started = time.perf_counter()
        first = batch[0]
        try:
            decoded = first.engine.decode(first.image, _together(batch), first.source, first.candidates)
        except Exception as error:
            for ticket in batch[1:]:
                ticket.answer.set_exception(error)
            raise
        row = 0
        for ticket in batch:
            rows = slice(row, row + len(ticket.prompts))
            ticket.answer.set_result(MaskPrediction(decoded.logits[rows], decoded.scores[rows]))
            row = rows.stop
        self._metrics.decode_seconds.observe(time.perf_counter() - started)
        self._metrics.decoded_together.observe(len(batch))


def _together(batch: list[_Ticket]) -> PromptBatch:
    if len(batch) == 1:
        return batch[0].prompts
    parts = [ticket.prompts for ticket in batch]
    masks = [part.mask_logits for part in parts if part.mask_logits is not None]
    return PromptBatch(
        torch.cat([part.points for part in parts]),
        torch.cat([part.labels for part in parts]),
        torch.cat(masks) if masks else None,
    )
