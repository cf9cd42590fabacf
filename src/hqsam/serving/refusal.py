"""Why a request is not done: one exception with a status and a code, and what the library's own errors become."""

from starlette.exceptions import HTTPException

from hqsam import errors


class Refusal(HTTPException):
    """An answer that is no success; an HTTPException, so that FastAPI lets it pass while it reads a body."""

    def __init__(self, status: int, code: str, message: str, retry_after: int | None = None) -> None:
        headers = None if retry_after is None else {"Retry-After": str(retry_after)}
        super().__init__(status, message, headers)
        self.code = code
        self.message = message


class Gone(Exception):  # noqa: N818  (not an error: nobody waits for the answer any more)
    """The client has hung up, or the job was cancelled; whatever is being done for it may stop."""


def not_found(what: str) -> Refusal:
    """404."""
    return Refusal(404, "not_found", f"there is no {what}")


def busy(what: str, seconds: float) -> Refusal:
    """503, with a guess of when to come again."""
    wait = max(1, min(120, round(seconds)))
    return Refusal(503, "busy", f"{what}; try again in {wait} s", retry_after=wait)


_OF_ERRORS: tuple[tuple[type[errors.HqsamError], int, str], ...] = (
    (errors.ImageError, 422, "image"),
    (errors.PromptError, 422, "prompt"),
    (errors.OptionError, 422, "option"),
    (errors.InputError, 422, "input"),
    (errors.DataError, 422, "data"),
    (errors.DownloadError, 502, "download"),
    (errors.OutputError, 507, "output"),
    (errors.MissingExtra, 501, "missing_extra"),
    (errors.HqsamError, 500, "failed"),
)
"""The first that fits, so the special ones stand before the general ones."""


def refusal_of(error: errors.HqsamError) -> Refusal:
    """A library error as an answer, with the library's own words."""
    status, code = next((status, code) for kind, status, code in _OF_ERRORS if isinstance(error, kind))
    return Refusal(status, code, str(error))
