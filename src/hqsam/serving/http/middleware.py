"""The ASGI middleware outside of FastAPI, which every request and every response passes.

It checks access before a body is read, limits the length and the time of bodies, adds headers, counts and logs.
"""

import asyncio
import json
import logging
import time
from collections import OrderedDict

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hqsam.serving.http.errors import ApiError
from hqsam.serving.http.security import SECURITY_HEADERS, AccessControl
from hqsam.serving.metrics import Metrics
from hqsam.serving.settings import Settings

JSON_BYTES = 16 << 20
"""The longest body that is not an upload. JSON takes ten times its length in memory."""
_FORM_BYTES = 64 << 10
"""The longest part of a form around its file."""
_UNREAD = (401, 408, 413)
"""Statuses after which the rest of the body is not read, so the connection cannot be used again."""
_LOG = logging.getLogger("hqsam.serving")


class RequestMiddleware:
    """Checks, limits, counts and logs requests; adds security headers to responses."""

    def __init__(self, app: ASGIApp, settings: Settings, access: AccessControl, metrics: Metrics) -> None:
        self._app, self._settings, self._access, self._metrics = app, settings, access, metrics
        rate = settings.requests_per_second
        self._rate = _TokenBuckets(rate) if rate else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        response = _ResponseSender(send)
        started = time.perf_counter()
        try:
            self._check(scope)
            await self._app(scope, _LimitedBody(scope, receive, self._settings).receive, response.send)
        except ApiError as error:
            if response.status == 0:
                await _send_error(error, response.send)
        except Exception:  # noqa: BLE001  (a fault of ours; FastAPI has answered already)
            _LOG.exception("fault", extra={"facts": {"method": scope["method"], "path": scope["path"]}})
        finally:
            self._log(scope, response.status, time.perf_counter() - started)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        self._access.check(scope["method"], scope["path"], headers)
        if self._rate and scope["path"].startswith("/v1"):
            self._rate.check(client_of(scope))

    def _log(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None) or "other"
        self._metrics.request(scope["method"], route, status, seconds)
        facts = {"method": scope["method"], "path": scope["path"], "status": status, "ms": round(seconds * 1000, 1)}
        _LOG.log(logging.WARNING if status >= 500 else logging.INFO, "request", extra={"facts": facts})


def client_of(scope: Scope) -> str:
    """Return the client that queues are fair to: its address, and the tab or program that it names."""
    address = (scope.get("client") or ("?",))[0]
    named = Headers(scope=scope).get("x-hqsam-client", "")[:64]
    return f"{address} {named}"


class _ResponseSender:
    """Sends a response with the security headers, and remembers its status."""

    def __init__(self, send: Send) -> None:
        self._send, self.status = send, 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
            if self.status in _UNREAD:
                headers["Connection"] = "close"
        await self._send(message)


class _LimitedBody:
    """Receives a body, as long as it is not too long and does not stop on the way."""

    def __init__(self, scope: Scope, receive: Receive, settings: Settings) -> None:
        headers = Headers(scope=scope)
        is_form = headers.get("content-type", "").lower().startswith("multipart/form-data")
        self._max_bytes = settings.upload_bytes + _FORM_BYTES if is_form else JSON_BYTES
        self._receive, self._idle_timeout = receive, settings.idle_timeout
        self._length, self._complete = 0, False
        declared = headers.get("content-length", "0")
        if declared.isdecimal() and int(declared[:20]) > self._max_bytes:
            raise self._too_large()

    async def receive(self) -> Message:
        if self._complete:  # from here on it only tells whether the client is still there
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), self._idle_timeout)
        except asyncio.TimeoutError as error:
            raise ApiError(408, "slow", f"nothing came for {self._idle_timeout:g} s; send the request again") from error
        self._length += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        if self._length > self._max_bytes:
            raise self._too_large()
        return message

    def _too_large(self) -> ApiError:
        return ApiError(
            413, "too_large", f"the request is larger than the {self._max_bytes / 1e6:.0f} MB that are allowed"
        )


class _TokenBuckets:
    """Rate limit: a bucket of tokens for each client, filled every second, that holds two seconds' worth."""

    def __init__(self, per_second: float) -> None:
        self._rate, self._capacity = per_second, max(1.0, 2 * per_second)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, client: str) -> None:
        now = time.monotonic()
        level, at = self._buckets.pop(client, (self._capacity, now))
        level = min(self._capacity, level + (now - at) * self._rate)
        self._buckets[client] = (max(0.0, level - 1), now)
        while len(self._buckets) > 10_000:
            self._buckets.popitem(last=False)
        if level < 1:
            raise ApiError(429, "rate", f"more than {self._rate:g} requests a second; wait a moment", retry_after=1)


async def _send_error(error: ApiError, send: Send) -> None:
    body = json.dumps(error.body).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), **(error.headers or {})}
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": error.status_code, "headers": raw})
    await send({"type": "http.response.body", "body": body})
