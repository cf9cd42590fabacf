"""A batch job on this machine: in this process, or in several, of which each loads the model and takes chunks."""

import multiprocessing
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import connection
from typing import Any

from hqsam.batch.attempts import note_cause
from hqsam.batch.engines.worker_process import Crashed, Happened, Ready, Refused, work_on_chunks
from hqsam.batch.files import OutputStore
from hqsam.batch.image_work import ImageWork
from hqsam.batch.items import Chunk
from hqsam.batch.job import BatchJob
from hqsam.batch.pipeline import Pipeline
from hqsam.batch.run_state import Event
from hqsam.errors import HqsamError, OutputError
from hqsam.hardware import available_threads
from hqsam.predict.segmenter import Segmenter

_IN_FLIGHT = 2
"""Chunks that a process has at the same time: it reads the second while it finishes the first."""
_DEATHS_AT_START = 3
_DEATHS_OF_A_CHUNK = 20
_ENDING_S = 5


class LocalEngine:
    """This process, or several."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._segmenter: Segmenter | None = None
        self.threads = max(1, available_threads() // workers) if workers > 1 else None

    def digest(self, job: BatchJob) -> str:
        segmenter = ImageWork(job).segmenter
        if self._workers == 1:  # which works with it, while several processes load their own
            self._segmenter = segmenter
        return segmenter.digest()

    def events(self, job: BatchJob, chunks: Sequence[Chunk]) -> Generator[Event, None, None]:
        if self._workers == 1:
            return Pipeline(ImageWork(job, self._segmenter)).run(chunks)
        return run_in_processes(job, chunks, self._workers)

    def close(self) -> None:
        self._segmenter = None


def run_in_processes(job: BatchJob, chunks: Iterable[Chunk], workers: int) -> Generator[Event, None, None]:
    """Yield the events of several processes, in any order: images that are done, and the report of each chunk.

    A process that dies, as by the system's lack of memory, is replaced and its chunks are done again; an image with
    which one died twice becomes a failure (`attempts`).

    Raises:
        OutputError: a result cannot be written.
        HqsamError: the processes cannot work at all, such as by a model that cannot be loaded.
    """
    pool = _Pool(job, deque(chunks))
    try:
        for _ in range(min(workers, len(pool.waiting))):
            pool.start()
        pool.share_out()
        while pool.workers:
            yield from pool.wait()
    finally:
        pool.end()


@dataclass
class _Worker:
    process: Any
    pipe: Any
    chunks: deque[Chunk] = field(default_factory=deque)
    """The chunks that it has, in the order in which it does them."""
    is_ready: bool = False


@dataclass
class _Pool:
    job: BatchJob
    waiting: deque[Chunk]
    workers: dict[Any, _Worker] = field(default_factory=dict)
    deaths: Counter[int] = field(default_factory=Counter)
    """Deaths of processes that worked on a chunk, by the chunk's number."""
    deaths_at_start: int = 0

    def start(self) -> None:
        """Start a process."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=work_on_chunks, args=(theirs, self.job), daemon=True)
        process.start()
        theirs.close()
        self.workers[ours] = _Worker(process, ours)

    def share_out(self) -> None:
        """Give each process one chunk, and then, as far as there are some, further ones; end those that have none."""
        for count in range(1, _IN_FLIGHT + 1):
            for worker in self.workers.values():
                if self.waiting and len(worker.chunks) < count:
                    self._give(worker)
        for worker in [worker for worker in self.workers.values() if not worker.chunks]:
            del self.workers[worker.pipe]
            worker.pipe.close()  # which ends the process
            worker.process.join(_ENDING_S)

    def wait(self) -> Iterator[Event]:
        """Wait for messages, and yield the events among them."""
        for pipe in connection.wait(list(self.workers)):
            worker = self.workers[pipe]
            try:
                message = worker.pipe.recv()
            except (EOFError, OSError):
                self._bury(worker)
                continue
            if isinstance(message, Ready):
                worker.is_ready = True
            elif isinstance(message, Happened):
                if isinstance(message.event, dict):
                    worker.chunks.popleft()
                    if self.waiting:
                        self._give(worker)
                yield message.event
            elif isinstance(message, Refused):
                raise message.error
            elif isinstance(message, Crashed):
                raise HqsamError(f"a worker stopped by a mistake in hqsam, please report it:\n{message.traceback}")
        self.share_out()

    def end(self) -> None:
        """End all processes; chunks that they have begun leave nothing behind."""
        for worker in self.workers.values():
            worker.pipe.close()
            worker.process.terminate()
        for worker in self.workers.values():
            worker.process.join(_ENDING_S)
            if worker.process.is_alive():
                worker.process.kill()

    def _give(self, worker: _Worker) -> None:
        chunk = self.waiting.popleft()
        worker.chunks.append(chunk)
        with suppress(OSError):  # it has died, which `wait` finds out
            worker.pipe.send(chunk)

    def _bury(self, worker: _Worker) -> None:
        """Replace a process that died; its chunks are done again, first of all."""
        del self.workers[worker.pipe]
        worker.pipe.close()
        worker.process.join(_ENDING_S)
        self.waiting.extendleft(reversed(worker.chunks))
        code = worker.process.exitcode
        if not worker.is_ready:
            self.deaths_at_start += 1
            if self.deaths_at_start >= _DEATHS_AT_START:
                raise OutputError(
                    f"processes died {_DEATHS_AT_START} times before their first image (exit code {code}); "
                    "is there memory for so many models? Take fewer --workers"
                )
        else:
            self._count_death([chunk.number for chunk in worker.chunks], code)
        if self.waiting:
            self.start()

    def _count_death(self, chunks: list[int], code: int | None) -> None:
        cause = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        store = OutputStore(self.job.out)
        for chunk in chunks:
            note_cause(store, chunk, cause)
        self.deaths.update(chunks)
        if any(self.deaths[chunk] >= _DEATHS_OF_A_CHUNK for chunk in chunks):
            raise OutputError(
                f"processes of the batch died {_DEATHS_OF_A_CHUNK} times in one shard ({cause}); "
                "is there enough memory?"
            )
