"""Say in words for a person why an image failed: our own errors, lack of memory, and mistakes of ours."""

import logging
from dataclasses import dataclass
from pathlib import Path

from hqsam.errors import HqsamError, ImageError, InputError
from hqsam.hardware import is_out_of_memory
from hqsam.storage.text import escape_surrogates

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Failure:
    """The reason why an image failed. It does not hold the exception, whose traceback keeps the image's arrays."""

    message: str
    is_misuse: bool
    """The call was wrong, rather than the image or the machine: other arguments would have worked."""

    @classmethod
    def of(cls, path: Path, error: Exception) -> "Failure":
        """Describe an error; its traceback goes to the log."""
        _LOG.debug("%s failed", path, exc_info=error)
        return cls(explain(error), is_misuse(error))


def explain(error: Exception) -> str:
    """Return one line about anything that an image can fail with."""
    if is_out_of_memory(error):
        return (
            "there is not enough memory for it; close other programs, shrink the image, take a smaller --model, "
            "or look at it in parts with hqsam tiles"
        )
    if isinstance(error, HqsamError):
        return one_line(error)
    what = f"{type(error).__name__}: {one_line(error)}"
    return f"{what} (this is a mistake in hqsam, please report it; HQSAM_LOG=debug says where it happened)"


def is_misuse(error: Exception) -> bool:
    """Return True if other arguments would have worked; an image that cannot be read is not the caller's mistake."""
    return isinstance(error, InputError) and not isinstance(error, ImageError)


def one_line(error: Exception) -> str:
    """Return the message without its line breaks, so that a log keeps one line an error."""
    return escape_surrogates(" ".join(str(error).split()))
