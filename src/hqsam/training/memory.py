"""When memory runs out, say so in words."""

from collections.abc import Iterator
from contextlib import contextmanager

from hqsam.errors import TrainingError
from hqsam.hardware import is_out_of_memory


@contextmanager
def explain_out_of_memory(doing: str) -> Iterator[None]:
    """Turn the many ways in which memory runs out into one error.

    Raises:
        TrainingError: it ran out.
    """
    try:
        yield
    except Exception as error:
        if is_out_of_memory(error):
            raise TrainingError(
                f"out of memory at {doing}. Compute fewer images at a time, with the same batch: "
                "--set stages.0.at_once=1; the last checkpoint is intact"
            ) from error
        raise
