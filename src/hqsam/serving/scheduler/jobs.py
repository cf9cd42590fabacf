"""Jobs: work that takes a while, can be watched and can be cancelled."""

import asyncio
import logging
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args
from uuid import uuid4

from hqsam.errors import HqsamError
from hqsam.serving.scheduler.errors import ClientDisconnected, NotFoundError
from hqsam.serving.scheduler.queues import FairQueue
from hqsam.serving.scheduler.request_context import RequestContext

Kind = Literal["everything", "text", "load", "follow"]
_FINISHED = ("done", "failed", "cancelled")
_MAX_FINISHED = 100
"""Finished jobs whose results can still be fetched."""
_SECONDS_BETWEEN_CHANGES = 0.1
_LOG = logging.getLogger("hqsam.serving")


@dataclass(eq=False)
class Job:
    """One job. The thread that does the work changes its fields; all threads read them."""

    kind: Kind
    model: str
    image_id: int | None
    context: RequestContext
    id: str = field(default_factory=lambda: uuid4().hex)
    state: Literal["queued", "running", "done", "failed", "cancelled"] = "queued"
    done: int = 0
    total: int = 0
    error: BaseException | None = None
    result: Any = None
    _watchers: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = field(default_factory=list)

    @property
    def is_finished(self) -> bool:
        """True when it is done, failed or cancelled."""
        return self.state in _FINISHED

    def progress(self, done: int, total: int) -> None:
        """Report progress: clicks, labels, bytes or frames, of all of them.

        Raises:
            ClientDisconnected: the job was cancelled.
        """
        self.context.raise_if_cancelled()
        self.done, self.total = done, total
        self.notify()

    def notify(self) -> None:
        """Wake those who watch it."""
        for loop, changed in list(self._watchers):
            loop.call_soon_threadsafe(changed.set)

    async def changes(self, timeout: float) -> AsyncIterator[bool]:
        """Yield True now and after each change, until it has finished; False after so many seconds without one."""
        changed = asyncio.Event()
        changed.set()
        watcher = (asyncio.get_running_loop(), changed)
        self._watchers.append(watcher)
        try:
            while True:
                try:
                    await asyncio.wait_for(changed.wait(), timeout)
                except asyncio.TimeoutError:
                    yield False
                    continue
                changed.clear()
                finished = self.is_finished  # before the yield: whoever reads the job then may see it later
                yield True
                if finished:
                    return
                await asyncio.sleep(_SECONDS_BETWEEN_CHANGES)
        finally:
            self._watchers.remove(watcher)


class JobManager:
    """The jobs of this server since it started, as far as they are remembered."""

    def __init__(self, max_waiting: int) -> None:
        self._queues = {
            kind: FairQueue(f"jobs ({kind})", threads=1, max_waiting=max_waiting) for kind in get_args(Kind)
        }
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return sum(not job.is_finished for job in list(self._jobs.values()))

    def submit(self, job: Job, work: Callable[[Job], Any]) -> Job:
        """Queue the job; when it is its turn, `work` is called with it and returns its result.

        Raises:
            QueueFullError: too many jobs are waiting.
        """
        future = self._queues[job.kind].submit(job.context, lambda: self._run(job, work))
        job.context.bypasses_limit = True  # it was accepted, and waits for the encoder like every client
        future.add_done_callback(lambda done: _finish(job, done.exception()))
        with self._lock:
            self._jobs[job.id] = job
            finished = [one.id for one in self._jobs.values() if one.is_finished]
            for old in finished[: max(0, len(finished) - _MAX_FINISHED)]:
                del self._jobs[old]
        return job

    def get(self, job_id: str) -> Job:
        """Return the job of this id.

        Raises:
            NotFoundError: there is none, or it finished long ago.
        """
        with self._lock:
            if job_id not in self._jobs:
                raise NotFoundError(
                    f"there is no job {job_id[:64]!r}; jobs end with the server that they were started on"
                )
            return self._jobs[job_id]

    def cancel(self, job_id: str) -> Job:
        """Stop the job, unless it has finished.

        Raises:
            NotFoundError: there is none of this id.
        """
        job = self.get(job_id)
        if not job.is_finished:
            job.state = "cancelled"
            job.context.cancel()
            job.notify()
        return job

    def close(self) -> None:
        """Cancel all jobs, and accept no more."""
        for job_id in list(self._jobs):
            self.cancel(job_id)
        for queue in self._queues.values():
            queue.close()

    def join(self, until: float) -> None:
        """Wait until they have stopped; see `FairQueue.join`."""
        for queue in self._queues.values():
            queue.join(until)

    def _run(self, job: Job, work: Callable[[Job], Any]) -> None:
        job.context.raise_if_cancelled()
        job.state = "running"
        job.notify()
        result = work(job)
        if job.state == "running":
            job.state, job.result = "done", result


def _finish(job: Job, error: BaseException | None) -> None:
    """Set the job's last state: done, cancelled, or failed with this error."""
    if not job.is_finished:
        job.state = "cancelled" if isinstance(error, ClientDisconnected) else "failed"
        job.error = error if job.state == "failed" else None
    if error is not None and not isinstance(error, HqsamError | ClientDisconnected):
        _LOG.error("job failed", exc_info=error, extra={"facts": {"job": job.id, "kind": job.kind}})
    job.notify()
