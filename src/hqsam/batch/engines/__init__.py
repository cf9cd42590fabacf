"""Ways to run a batch job: in this process, in several on this machine, or on a Ray cluster. Results are the same."""

from collections.abc import Generator, Sequence
from typing import Protocol, runtime_checkable

from hqsam.batch.items import Chunk
from hqsam.batch.job import BatchJob
from hqsam.batch.run_state import Event


@runtime_checkable
class BatchEngine(Protocol):
    """Works on the chunks of a job."""

    @property
    def threads(self) -> int | None:
        """Threads of each worker, where the job does not say; None leaves them to torch."""
        ...

    def digest(self, job: BatchJob) -> str:
        """Return the digest of the model as a worker loads it: of its weights, device and precision.

        Raises:
            HqsamError: a worker cannot load it.
        """
        ...

    def events(self, job: BatchJob, chunks: Sequence[Chunk]) -> Generator[Event, None, None]:
        """Yield what happens, in any order: images that are done, and the report of each chunk.

        Raises:
            OutputError: a result cannot be written.
            HqsamError: the workers cannot work at all.
        """
        ...

    def close(self) -> None:
        """Let the workers go, where there was no chunk to work on."""
        ...
