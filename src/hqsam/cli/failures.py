"""What went wrong, in words for a person: our own errors, want of memory, and mistakes of ours."""

import errno
import logging
import os
from collections.abc import Iterator

from hqsam.cli.exit_codes import one_line
from hqsam.errors import HqsamError

_WANT_OF_MEMORY = ("out of memory", "allocate memory", "not enough memory", "insufficient memory")
"""How torch, for each kind of device, and OpenCV say it; neither has a type of its own for all of it."""


def explain(error: Exception) -> str:
    """One line on anything that a photo can fail with."""
    if is_out_of_memory(error):
        return (
            "there is not enough memory for it; close other programs, shrink the photo, take a smaller --model, "
            "or look at it in parts with hqsam tiles"
        )
    if isinstance(error, HqsamError):
        return one_line(error)
    what = f"{type(error).__name__}: {one_line(error)}"
    return f"{what} (this is a mistake in hqsam, please report it; HQSAM_LOG=debug says where it happened)"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether it is want of memory, or was raised from it: in Python, NumPy, torch, OpenCV or the system."""
    return any(_is_want_of_memory(one) for one in _with_causes(error))


def show_log_if_asked() -> None:
    """With HQSAM_LOG=debug, print on stderr what the library logs, and the tracebacks of photos that failed."""
    level = os.environ.get("HQSAM_LOG", "").upper()
    if level in ("DEBUG", "INFO", "WARNING"):
        logging.basicConfig()
        logging.getLogger("hqsam").setLevel(level)


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    yield error
    if error.__cause__ is not None:
        yield from _with_causes(error.__cause__)


def _is_want_of_memory(error: BaseException) -> bool:
    if isinstance(error, HqsamError):
        return False  # its words may be a file's name
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or any(words in str(error).lower() for words in _WANT_OF_MEMORY)
