"""Who a piece of work is for, and whether they still want it.

The one who asks travels with the work from the event loop into threads as a context variable, so that a queue deep
inside an engine can be fair to clients, and can drop what nobody waits for any more.
"""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.requests import Request

from hqsam.serving.refusal import Gone

Result = TypeVar("Result")


@dataclass(eq=False)
class Ask:
    """One request or job."""

    client: str
    """Whom to be fair to."""
    patient: bool = False
    """It may wait in any queue, as a job does; others are refused where a queue is full."""
    encoder_passes: int = 0
    """How often the encoder ran for it."""
    _gone: threading.Event = field(default_factory=threading.Event)
    _on_leaving: list[Callable[[], None]] = field(default_factory=list)

    @property
    def is_gone(self) -> bool:
        """Nobody waits for it."""
        return self._gone.is_set()

    def leave(self) -> None:
        """Say that nobody waits for it any more."""
        self._gone.set()
        for wake in list(self._on_leaving):
            wake()

    def on_leaving(self, wake: Callable[[], None]) -> None:
        """Be told when that happens."""
        self._on_leaving.append(wake)

    def check(self) -> None:
        """Raise `Gone` if nobody waits for it."""
        if self.is_gone:
            raise Gone


_CURRENT: contextvars.ContextVar[Ask] = contextvars.ContextVar("hqsam_ask")


def current_ask() -> Ask:
    """Whom the code that runs is working for."""
    return _CURRENT.get(Ask("nobody", patient=True))


def working_for(ask: Ask, work: Callable[[], Result]) -> Callable[[], Result]:
    """The same work, wherever it will run, in the name of who asked."""

    def run() -> Result:
        _CURRENT.set(ask)
        ask.check()
        return work()

    context = contextvars.copy_context()
    return lambda: context.run(run)


async def while_connected(request: Request, ask: Ask, doing: "Future[Result]") -> Result:
    """The work's result; if the client hangs up before it is there, the work is told so.

    Raises:
        Gone: the client hung up.
    """
    done = asyncio.wrap_future(doing)
    watching = asyncio.ensure_future(_until_gone(request))
    try:
        await asyncio.wait({done, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not done.done():
            raise Gone
        return done.result()
    finally:
        if not done.done():
            ask.leave()
            done.add_done_callback(_forget)
        await _stop(watching)


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _stop(watching: "asyncio.Future[None]") -> None:
    """Cancel it until it ends: before Python 3.12, `wait_for` loses a cancellation that comes with a message."""
    while not watching.done():
        watching.cancel()
        await asyncio.sleep(0)
    _forget(watching)


def _forget(done: "asyncio.Future[Any]") -> None:
    """Nobody wants to know how it ended."""
    if not done.cancelled():
        done.exception()
