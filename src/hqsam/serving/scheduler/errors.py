"""Errors of queues, models and jobs; `http.errors` gives each a status."""

from hqsam.errors import HqsamError


class ClientDisconnected(Exception):  # noqa: N818  (not an error: no one waits for the answer any more)
    """The client hung up, or the job was cancelled; whatever is being done for it may stop."""


class QueueFullError(HqsamError):
    """Too much is waiting already, or the server is stopping."""

    def __init__(self, message: str, seconds: float) -> None:
        self.retry_after = max(1, min(120, round(seconds)))
        """Seconds after which it is worth trying again, a guess."""
        super().__init__(f"{message}; try again in {self.retry_after} s")


class NotFoundError(HqsamError):
    """No model or job has that name."""


class ModelNotInstalledError(HqsamError):
    """The model's checkpoint has to be downloaded first."""


class ResultExpiredError(HqsamError):
    """An earlier mask is no longer in memory."""
