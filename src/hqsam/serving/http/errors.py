"""Statuses and codes of errors: the one exception that routes raise, and those of the library, store and scheduler."""

from typing import Any

from starlette.exceptions import HTTPException

from hqsam import errors
from hqsam.serving.scheduler import errors as scheduler
from hqsam.serving.store import errors as store


class ApiError(HTTPException):
    """An error response; an HTTPException, so that FastAPI lets it pass while it reads a body."""

    def __init__(self, status: int, code: str, message: str, retry_after: int | None = None) -> None:
        headers = None if retry_after is None else {"Retry-After": str(retry_after)}
        super().__init__(status, message, headers)
        self.code = code
        self.message = message

    @property
    def body(self) -> dict[str, Any]:
        """The JSON of the response: `schemas.ErrorResponse`."""
        return {"error": {"code": self.code, "message": self.message}}


_STATUS_OF_ERRORS: tuple[tuple[type[errors.HqsamError], int, str], ...] = (
    (store.NotFoundError, 404, "not_found"),
    (store.ConflictError, 409, "conflict"),
    (store.FileGoneError, 410, "gone"),
    (store.UnsupportedFileError, 415, "type"),
    (scheduler.NotFoundError, 404, "not_found"),
    (scheduler.ModelNotInstalledError, 409, "model_not_installed"),
    (scheduler.ResultExpiredError, 410, "refine_gone"),
    (scheduler.QueueFullError, 503, "busy"),
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
"""The first that fits counts, so classes stand before their base classes."""


def to_api_error(error: BaseException) -> ApiError:
    """Return the error response of any exception: a library error's own words, or those of a fault."""
    if isinstance(error, ApiError):
        return error
    for kind, status, code in _STATUS_OF_ERRORS:
        if isinstance(error, kind):
            return ApiError(status, code, str(error), getattr(error, "retry_after", None))
    return ApiError(500, "internal", "a fault of hqsam; its log says more")
