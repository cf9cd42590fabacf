"""One of several processes of a batch job: takes chunks through a pipe, and answers with events."""

import traceback
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

from hqsam.batch.image_work import ImageWork
from hqsam.batch.items import Chunk
from hqsam.batch.job import BatchJob
from hqsam.batch.pipeline import Pipeline
from hqsam.batch.run_state import Event
from hqsam.errors import HqsamError


@dataclass(frozen=True)
class Ready:
    """The model is loaded."""


@dataclass(frozen=True)
class Happened:
    """Images are done, or the results of a chunk are written."""

    event: Event


@dataclass(frozen=True)
class Refused:
    """The work cannot go on, for a reason that the user can change."""

    error: HqsamError


@dataclass(frozen=True)
class Crashed:
    """The work cannot go on, by a mistake of ours."""

    traceback: str


def work_on_chunks(pipe: Connection, job: BatchJob) -> None:
    """Work until the other end of the pipe is closed, as it is when the main process ends, however it ends."""
    with suppress(EOFError, BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        try:
            _work(pipe, Pipeline(load_work(job)))
        except HqsamError as error:
            pipe.send(Refused(error))
        except Exception as error:
            if isinstance(error, EOFError | BrokenPipeError | ConnectionResetError):
                raise
            pipe.send(Crashed("".join(traceback.format_exception(error))))


def load_work(job: BatchJob) -> ImageWork:
    """Load the model, with the job's number of threads."""
    import torch

    if job.threads is not None:
        torch.set_num_threads(job.threads)
    return ImageWork(job)


def _work(pipe: Connection, pipeline: Pipeline) -> None:
    def take(wait: bool) -> Chunk | None:
        return pipe.recv() if wait or pipe.poll() else None

    pipe.send(Ready())
    for event in pipeline.run_as_they_come(take):
        pipe.send(Happened(event))
