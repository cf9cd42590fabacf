"""When memory runs out, say so in words."""

from collections.abc import Iterator
from contextlib import contextmanager

from hqsam.errors import TrainingError

_SIGNS = ("out of memory", "can't allocate memory", "not enough memory", "bad_alloc")


@contextmanager
def explain_out_of_memory(doing: str) -> Iterator[None]:
    """Turn the many ways in which memory runs out into one error.

    Raises:
        TrainingError: it ran out.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch's out-of-memory error is a RuntimeError
        if isinstance(error, MemoryError) or any(sign in str(error) for sign in _SIGNS):
            raise TrainingError(
                f"out of memory at {doing}. Compute fewer images at a time, with the same batch: "
                "--set stages.0.at_once=1; the last checkpoint is intact"
            ) from error
        raise
