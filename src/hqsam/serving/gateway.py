"""What every request passes on its way in, and every answer on its way out.

One ASGI layer, outside of FastAPI: it refuses before a body is read, counts the bytes of bodies and does not wait
for ever for them, puts headers on answers, counts and logs.
"""

import asyncio
import json
import logging
import time
from collections import OrderedDict
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hqsam.serving.metrics import Metrics
from hqsam.serving.refusal import Refusal
from hqsam.serving.security import ANSWER_HEADERS, Guard
from hqsam.serving.settings import Settings

JSON_BYTES = 16 << 20
"""The longest body that is no upload. JSON takes ten times its length in memory."""
_FORM_BYTES = 64 << 10
"""What a form has around its file."""
_UNREAD = (401, 408, 413)
"""Answers after which what is left of the body is not read, so the connection cannot be used again."""
_LOG = logging.getLogger("hqsam.serving")


class Gateway:
    """The outermost layer."""

    def __init__(self, app: ASGIApp, settings: Settings, guard: Guard, metrics: Metrics) -> None:
        self._app, self._settings, self._guard, self._metrics = app, settings, guard, metrics
        rate = settings.requests_per_second
        self._rate = _RateLimit(rate) if rate else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        started = time.perf_counter()
        try:
            self._check(scope)
            await self._app(scope, _Body(scope, receive, self._settings).receive, answer.send)
        except Refusal as refusal:
            if answer.status == 0:
                await _refuse(refusal, answer.send)
        except Exception:  # noqa: BLE001  (a fault of ours; FastAPI has answered already)
            _LOG.exception("fault", extra={"facts": {"method": scope["method"], "path": scope["path"]}})
        finally:
            self._tell(scope, answer.status, time.perf_counter() - started)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        self._guard.check(scope["method"], scope["path"], headers)
        if self._rate and scope["path"].startswith("/v1"):
            self._rate.check(client_of(scope))

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None) or "other"
        self._metrics.request(scope["method"], route, status, seconds)
        facts = {"method": scope["method"], "path": scope["path"], "status": status, "ms": round(seconds * 1000, 1)}
        _LOG.log(logging.WARNING if status >= 500 else logging.INFO, "request", extra={"facts": facts})


def client_of(scope: Scope) -> str:
    """Who asks, as far as fairness goes: the tab or program that names itself, else the address."""
    address = (scope.get("client") or ("?",))[0]
    named = Headers(scope=scope).get("x-hqsam-client", "")[:64]
    return f"{address} {named}"


class _Answer:
    """Puts the headers on, and remembers the status."""

    def __init__(self, send: Send) -> None:
        self._send, self.status = send, 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in ANSWER_HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
            if self.status in _UNREAD:
                headers["Connection"] = "close"
        await self._send(message)


class _Body:
    """Lets a body in, as long as it is not too long and does not stop on the way."""

    def __init__(self, scope: Scope, receive: Receive, settings: Settings) -> None:
        headers = Headers(scope=scope)
        is_form = headers.get("content-type", "").lower().startswith("multipart/form-data")
        self._most = settings.upload_bytes + _FORM_BYTES if is_form else JSON_BYTES
        self._receive, self._silence = receive, settings.silence_seconds
        self._length, self._complete = 0, False
        declared = headers.get("content-length", "0")
        if declared.isdecimal() and int(declared[:20]) > self._most:
            raise self._too_large()

    async def receive(self) -> Message:
        if self._complete:  # from here on it is only about whether the client is still there
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), self._silence)
        except asyncio.TimeoutError as error:
            raise Refusal(408, "slow", f"nothing came for {self._silence:g} s; send the request again") from error
        self._length += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        if self._length > self._most:
            raise self._too_large()
        return message

    def _too_large(self) -> Refusal:
        return Refusal(413, "too_large", f"the request is larger than the {self._most / 1e6:.0f} MB that are allowed")


class _RateLimit:
    """For each client a bucket that fills by the second, and that holds two seconds' worth."""

    def __init__(self, per_second: float) -> None:
        self._rate, self._most = per_second, max(1.0, 2 * per_second)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, client: str) -> None:
        now = time.monotonic()
        level, at = self._buckets.pop(client, (self._most, now))
        level = min(self._most, level + (now - at) * self._rate)
        self._buckets[client] = (max(0.0, level - 1), now)
        while len(self._buckets) > 10_000:
            self._buckets.popitem(last=False)
        if level < 1:
            raise Refusal(429, "rate", f"more than {self._rate:g} requests a second; wait a moment", retry_after=1)


async def _refuse(refusal: Refusal, send: Send) -> None:
    body = json.dumps(problem(refusal)).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), **(refusal.headers or {})}
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": refusal.status_code, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def problem(refusal: Refusal) -> dict[str, Any]:
    """The body of an answer that is no success."""
    return {"error": {"code": refusal.code, "message": refusal.message}}
