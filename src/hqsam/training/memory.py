"""Lack of memory, told in words."""

from collections.abc import Iterator
from contextlib import contextmanager

from hqsam.errors import TrainingError
from hqsam.hardware import is_out_of_memory


@contextmanager
def explain_out_of_memory(doing: str, stage: int) -> Iterator[None]:
    """Turn the many ways in which memory runs out into one error.

    Args:
        doing: what needed the memory.
        stage: number of the stage, for the advice.

    Raises:
        TrainingError: it ran out.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch's out-of-memory error is a RuntimeError
        if not is_out_of_memory(error):
            raise
        raise TrainingError(
            f"out of memory at {doing}. Compute fewer images at a time, with the same batch: "
            f"--set stages.{stage}.micro_batch=1; the last checkpoint is intact"
        ) from error
