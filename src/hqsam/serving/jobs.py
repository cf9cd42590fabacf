"""Work that takes a while: it can be watched as it goes on, and cancelled."""

import asyncio
import logging
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import uuid4

from hqsam.errors import HqsamError
from hqsam.serving import schemas
from hqsam.serving.asks import Ask
from hqsam.serving.queues import FairQueue
from hqsam.serving.refusal import Gone, Refusal, not_found, refusal_of

Kind = Literal["everything", "load"]
_ENDED = ("done", "failed", "cancelled")
_REMEMBERED = 100
"""Ended jobs whose results can still be fetched."""
_SECONDS_BETWEEN_EVENTS = 0.1
_SECONDS_OF_SILENCE = 15.0
_LOG = logging.getLogger("hqsam.serving")


@dataclass(eq=False)
class Job:
    """One of them. Its fields are changed by the thread that does it, and read by all."""

    kind: Kind
    model: str
    image_id: int | None
    ask: Ask
    id: str = field(default_factory=lambda: uuid4().hex)
    state: Literal["queued", "running", "done", "failed", "cancelled"] = "queued"
    done: int = 0
    total: int = 0
    error: schemas.ErrorDetail | None = None
    masks: list[schemas.Mask] | None = None
    _watchers: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = field(default_factory=list)

    def progress(self, done: int, total: int) -> None:
        """How far it is.

        Raises:
            Gone: it was cancelled.
        """
        self.ask.check()
        self.done, self.total = done, total
        self.tell()

    def tell(self) -> None:
        """Wake who watches."""
        for loop, changed in list(self._watchers):
            loop.call_soon_threadsafe(changed.set)

    def view(self, *, with_masks: bool) -> schemas.Job:
        """As it goes over the wire."""
        return schemas.Job(
            id=self.id,
            kind=self.kind,
            state=self.state,
            done=self.done,
            total=self.total,
            unit="bytes" if self.kind == "load" else "clicks",
            model=self.model,
            image_id=self.image_id,
            error=self.error,
            masks=self.masks if with_masks else None,
        )

    async def events(self) -> AsyncIterator[str]:
        """Server-sent events: how it is now, then each change, until it has ended."""
        changed = asyncio.Event()
        changed.set()
        watcher = (asyncio.get_running_loop(), changed)
        self._watchers.append(watcher)
        try:
            while True:
                try:
                    await asyncio.wait_for(changed.wait(), _SECONDS_OF_SILENCE)
                except asyncio.TimeoutError:
                    yield ": still here\n\n"
                    continue
                changed.clear()
                view = self.view(with_masks=False)
                yield f"event: {view.state if view.state in _ENDED else 'progress'}\ndata: {view.model_dump_json()}\n\n"
                if view.state in _ENDED:
                    return
                await asyncio.sleep(_SECONDS_BETWEEN_EVENTS)
        finally:
            self._watchers.remove(watcher)


class Jobs:
    """All jobs of this server since it started, as far as they are remembered."""

    def __init__(self, longest: int) -> None:
        self._queues = {
            kind: FairQueue(f"jobs ({kind})", threads=1, longest=longest) for kind in ("everything", "load")
        }
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return sum(job.state not in _ENDED for job in list(self._jobs.values()))

    def start(self, job: Job, work: Callable[[Job], Any]) -> Job:
        """Do the work, which tells its progress to the job, when it is its turn.

        Raises:
            Refusal: 503, too many are waiting.
        """
        done = self._queues[job.kind].submit(job.ask, lambda: self._run(job, work))
        job.ask.patient = True  # it has been let in, and waits for the encoder like everybody
        done.add_done_callback(lambda future: _end(job, future.exception()))
        with self._lock:
            self._jobs[job.id] = job
            ended = [one.id for one in self._jobs.values() if one.state in _ENDED]
            for old in ended[: max(0, len(ended) - _REMEMBERED)]:
                del self._jobs[old]
        return job

    def find(self, job_id: str) -> Job:
        """One of them.

        Raises:
            Refusal: 404.
        """
        with self._lock:
            if job_id not in self._jobs:
                raise not_found(f"job {job_id[:64]!r}; jobs do not outlive the server that they were started on")
            return self._jobs[job_id]

    def cancel(self, job_id: str) -> Job:
        """Stop it, unless it has ended.

        Raises:
            Refusal: 404.
        """
        job = self.find(job_id)
        if job.state not in _ENDED:
            job.state = "cancelled"
            job.ask.leave()
            job.tell()
        return job

    def close(self) -> None:
        """Cancel everything."""
        for job_id in list(self._jobs):
            self.cancel(job_id)
        for queue in self._queues.values():
            queue.close()

    def join(self, until: float) -> None:
        """Wait until they have stopped; see `FairQueue.join`."""
        for queue in self._queues.values():
            queue.join(until)

    def _run(self, job: Job, work: Callable[[Job], Any]) -> None:
        job.ask.check()
        job.state = "running"
        job.tell()
        try:
            work(job)
        except HqsamError as error:
            _fail(job, refusal_of(error))
        except Refusal as refusal:
            _fail(job, refusal)
        else:
            if job.state == "running":
                job.state = "done"


def _fail(job: Job, refusal: Refusal) -> None:
    if job.state == "running":
        job.state, job.error = "failed", schemas.ErrorDetail(code=refusal.code, message=refusal.message)


def _end(job: Job, fault: BaseException | None) -> None:
    """Whatever happened, it has ended: done, cancelled, or by a fault of ours."""
    if job.state not in _ENDED:
        job.state = "cancelled" if isinstance(fault, Gone) else "failed"
    if fault is not None and not isinstance(fault, Gone):
        job.error = schemas.ErrorDetail(code="internal", message="a fault of hqsam; its log says more")
        _LOG.error("job failed", exc_info=fault, extra={"facts": {"job": job.id, "kind": job.kind}})
    job.tell()
