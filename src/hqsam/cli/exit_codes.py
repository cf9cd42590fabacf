"""What a command leaves behind for the shell: 0 for done, 1 for work that failed, 2 for a question put wrongly."""

from hqsam.errors import ImageError, InputError
from hqsam.storage import readable

FAILED_WORK, BAD_USE = 1, 2


def exit_code(error: Exception) -> int:
    """2 where another command line would have worked; a photo that cannot be read is not the command line's fault."""
    return BAD_USE if isinstance(error, InputError) and not isinstance(error, ImageError) else FAILED_WORK


def one_line(error: Exception) -> str:
    """The message without its line breaks, so that a log keeps one line an error."""
    return readable(" ".join(str(error).split()))
