"""A batch job on Ray Data: chunks go to a pool of actors on any number of machines, each of which loads the model once.

An actor writes a chunk's results itself, under names that depend on the chunk alone. So only short reports pass through
Ray's memory, and a chunk that Ray does again after a worker or a node died replaces its own files. For the same reason
Ray's own checkpoints are not used: what is done is known from the files, whichever engine made them.
"""

import logging
import pickle
import socket
import threading
import traceback
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from hqsam import optional
from hqsam.batch.engines.worker_process import load_work
from hqsam.batch.items import Chunk
from hqsam.batch.job import BatchJob
from hqsam.batch.pipeline import Pipeline
from hqsam.batch.run_state import ChunkReport
from hqsam.errors import HqsamError, OptionError
from hqsam.version import __version__

_REACH_S = 10
_AT_ONCE = 2
"""Chunks that an actor works on at the same time: it reads the second while it finishes the first."""
_IN_FLIGHT = 2 * _AT_ONCE
"""Chunks that are sent to an actor; Ray adds actors only where these are well more than those it works on."""


@dataclass(frozen=True, kw_only=True)
class RayOptions:
    """Settings of the Ray engine: the cluster, the number of actors, and the processors and GPUs of each."""

    address: str | None = None
    """The cluster: "auto", HOST:PORT or ray://HOST:PORT; None starts one on this machine."""
    workers: int = 1
    """Actors at most; each loads the model."""
    cpus: float = 1
    """Processors of each actor."""
    gpus: float = 0
    """GPUs of each actor."""


class RayEngine:
    """Actors of a Ray cluster. This process loads no model, and needs no GPU."""

    def __init__(self, options: RayOptions) -> None:
        """Take what of a cluster is used; it is connected to when it is first asked.

        Raises:
            MissingExtra: Ray is not installed.
        """
        optional.require("ray", extra="batch")
        optional.require("pyarrow", extra="batch")
        self._options = options
        self._started = False
        self.threads = max(1, int(options.cpus))

    def digest(self, job: BatchJob) -> str:
        """Return the digest of the model as it is loaded by a task that has what an actor has.

        Raises:
            OptionError: the cluster cannot be reached, or has another version of Ray, Python or hqsam.
            HqsamError: the model cannot be loaded there.
        """
        import ray
        from ray.exceptions import RayError

        self._started |= _connect(self._options)
        task = ray.remote(num_cpus=self._options.cpus, num_gpus=self._options.gpus)(_digest)
        try:
            answer = pickle.loads(ray.get(task.remote(job, __version__)))
        except RayError as error:
            raise OptionError(_gave_up(error)) from error
        if isinstance(answer, HqsamError):
            raise answer
        return answer

    def events(self, job: BatchJob, chunks: Sequence[Chunk]) -> Generator[ChunkReport, None, None]:
        """Yield the report of each chunk, in any order, as an actor finishes it.

        Raises:
            OptionError: the cluster cannot be reached, or has another version of Ray, Python or hqsam.
            OutputError: a result cannot be written.
        """
        self._started |= _connect(self._options)
        yield from _reports(job, list(chunks), self._options)
        # Only after a run that came to its end: else threads of Ray Data may still ask for what was computed, and Ray
        # ends the process of whoever asks after a shutdown. It stays connected then, until the process ends.
        self.close()

    def close(self) -> None:
        """Disconnect, if this connected."""
        import ray

        if self._started:
            ray.shutdown()
        self._started = False


def _digest(job: BatchJob, version: str) -> bytes:
    """Return the pickled digest of the model, or the error why it cannot be loaded, which Ray does not try again."""
    try:
        _check_version(version)
        return pickle.dumps(load_work(job).segmenter.digest())
    except HqsamError as error:
        return pickle.dumps(error)


def _check_version(version: str) -> None:
    if version != __version__:
        raise OptionError(f"this machine has hqsam {__version__} and the job is of {version}; install the same")


def _gave_up(error: Exception) -> str:
    return f"the Ray cluster gave up: {' '.join(str(error).split())[-600:]}"


def _connect(options: RayOptions) -> bool:
    """Connect to a cluster unless this process is already; return True if it was not."""
    import ray

    if ray.is_initialized():
        return False
    _check_reachable(options.address)
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    here: dict[str, Any] = {} if options.address else {"num_cpus": max(1, round(options.workers * options.cpus))}
    try:
        # "local": else a cluster that somebody runs on this machine would be taken, or in the way.
        ray.init(address=options.address or "local", log_to_driver=False, logging_level=logging.WARNING, **here)
    except Exception as error:  # Ray has no class for them; one is that it did not start within 30 s
        said = " ".join(str(error).split())
        raise OptionError(
            f"cannot work with the Ray cluster {options.address or 'on this machine'}: {said[:400]}; its address is "
            "what `ray start --head` printed, and all machines need the same versions of Ray and Python"
        ) from error
    return True


def _check_reachable(address: str | None) -> None:
    """Look whether somebody listens at HOST:PORT: Ray itself tries for minutes, and ends the process after that."""
    host, _, port = (address or "").rpartition("://")[2].rpartition(":")
    if not host or not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), timeout=_REACH_S).close()
    except OSError as error:
        raise OptionError(
            f"cannot work with the Ray cluster {address}: {error.strerror or error}; its address is what "
            "`ray start --head` printed"
        ) from error


def _reports(job: BatchJob, chunks: list[Chunk], options: RayOptions) -> Iterator[ChunkReport]:
    import ray
    from ray.exceptions import RayError

    ray.data.DataContext.get_current().enable_progress_bars = False
    rows = [{"number": chunk.number, "chunk": pickle.dumps(chunk)} for chunk in chunks]
    done = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
        ChunkActor,
        fn_constructor_kwargs={"job": job, "version": __version__},
        compute=ray.data.ActorPoolStrategy(
            min_size=1,
            initial_size=options.workers,
            max_size=options.workers,
            max_tasks_in_flight_per_actor=_IN_FLIGHT,
            max_concurrent_calls_per_actor=_AT_ONCE,
            enable_true_multi_threading=True,
        ),
        batch_size=1,
        num_cpus=options.cpus,
        num_gpus=options.gpus or None,
    )
    try:
        for row in done.iter_rows():
            answer = pickle.loads(row["answer"])
            if isinstance(answer, HqsamError):
                raise answer
            yield answer
    except RayError as error:
        raise OptionError(_gave_up(error)) from error


class ChunkActor:
    """Loads the model once and works on chunks; errors that end the run are answers, which Ray does not try again.

    Ray calls it from several threads, a chunk each. They wait while one more thread does these chunks one after the
    other, so that the steps for them overlap.
    """

    def __init__(self, job: BatchJob, version: str) -> None:
        self.error: HqsamError | None = None
        self.chunks: SimpleQueue[Chunk] = SimpleQueue()
        self.answers: dict[int, Future[ChunkReport]] = {}
        try:
            _check_version(version)
            self.pipeline = Pipeline(load_work(job))
        except HqsamError as error:
            self.error = error
            return
        threading.Thread(target=self._work, daemon=True).start()

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """Work on the chunks of a batch."""
        return {"answer": [pickle.dumps(self._answer(pickle.loads(one))) for one in batch["chunk"]]}

    def _answer(self, chunk: Chunk) -> ChunkReport | HqsamError:
        answer = self.answers[chunk.number] = Future()
        if self.error is not None:
            return self.error
        self.chunks.put(chunk)
        try:
            return answer.result()
        except HqsamError as error:
            return error

    def _work(self) -> None:
        try:
            for event in self.pipeline.run_as_they_come(self._take):
                if isinstance(event, dict):
                    self.answers.pop(event["number"]).set_result(event)
        except Exception as error:  # noqa: BLE001  (whoever waits has to know)
            said = "".join(traceback.format_exception(error))
            ours = HqsamError(f"an actor stopped by a mistake in hqsam, please report it:\n{said}")
            self.error = error if isinstance(error, HqsamError) else ours
            for answer in list(self.answers.values()):
                answer.set_exception(self.error)

    def _take(self, wait: bool) -> Chunk | None:
        try:
            return self.chunks.get(block=wait)
        except Empty:
            return None
