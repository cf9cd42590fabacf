"""Waiting for work in other threads for as long as the client is there."""

import asyncio
from concurrent.futures import Future
from typing import Any, TypeVar

from starlette.requests import Request

from hqsam.serving.scheduler.errors import ClientDisconnected
from hqsam.serving.scheduler.request_context import RequestContext

Result = TypeVar("Result")


async def while_connected(request: Request, context: RequestContext, future: "Future[Result]") -> Result:
    """Return the future's result; cancel the context if the client hangs up first.

    Raises:
        ClientDisconnected: the client hung up.
    """
    done = asyncio.wrap_future(future)
    watching = asyncio.ensure_future(_until_disconnected(request))
    try:
        await asyncio.wait({done, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not done.done():
            raise ClientDisconnected
        return done.result()
    finally:
        if not done.done():
            context.cancel()
            done.add_done_callback(_discard_result)
        await _stop(watching)


async def _until_disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _stop(watching: "asyncio.Future[None]") -> None:
    """Cancel it until it ends: before Python 3.12, `wait_for` loses a cancellation that comes with a message."""
    while not watching.done():
        watching.cancel()
        await asyncio.sleep(0)
    _discard_result(watching)


def _discard_result(done: "asyncio.Future[Any]") -> None:
    """Look at the exception, so that asyncio does not log that it was never retrieved."""
    if not done.cancelled():
        done.exception()
