"""The client that a piece of work is for, and whether it still waits.

A context travels with the work from the event loop into threads as a context variable, so that a queue deep inside an
engine can be fair to clients, and can drop work that no client waits for any more.
"""

import contextvars
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from hqsam.serving.scheduler.errors import ClientDisconnected

Result = TypeVar("Result")


@dataclass(eq=False)
class RequestContext:
    """The client and the cancellation of one request or job."""

    client: str
    """The address, and the tab or program; queues are fair between clients."""
    bypasses_limit: bool = False
    """It may join a queue that is full, as a job that was accepted does."""
    encoder_passes: int = 0
    """Number of times that the encoder ran for it."""
    _cancelled: threading.Event = field(default_factory=threading.Event)
    _callbacks: list[Callable[[], None]] = field(default_factory=list)

    @property
    def is_cancelled(self) -> bool:
        """True when no client waits for it any more."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Tell the work that no client waits for it any more."""
        self._cancelled.set()
        for callback in list(self._callbacks):
            callback()

    def on_cancel(self, callback: Callable[[], None]) -> None:
        """Call this function when it is cancelled."""
        self._callbacks.append(callback)

    def forget(self, callback: Callable[[], None]) -> None:
        """Call this function no longer when it is cancelled."""
        with suppress(ValueError):
            self._callbacks.remove(callback)

    def raise_if_cancelled(self) -> None:
        """Raise `ClientDisconnected` if no client waits for it any more."""
        if self.is_cancelled:
            raise ClientDisconnected


_CURRENT: contextvars.ContextVar[RequestContext] = contextvars.ContextVar("hqsam_request_context")


def current_context() -> RequestContext:
    """Return the context of the code that runs; outside of any request, one of its own."""
    return _CURRENT.get(RequestContext("none", bypasses_limit=True))


def in_context(context: RequestContext, work: Callable[[], Result]) -> Callable[[], Result]:
    """Return the work as a function that runs in this context, whichever thread calls it."""

    def run() -> Result:
        _CURRENT.set(context)
        context.raise_if_cancelled()
        return work()

    variables = contextvars.copy_context()
    return lambda: variables.run(run)
