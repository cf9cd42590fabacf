"""Is there a network? Asked before a download, because the answer must come in seconds, not in minutes."""

import queue
import socket
import threading
import time
import urllib.request
from collections.abc import Iterable
from urllib.parse import urlsplit

CONNECT_SECONDS = 3.0
"""How long anybody waits to hear that there is no network."""


def is_reachable(urls: Iterable[str], timeout_seconds: float = CONNECT_SECONDS) -> bool:
    """Whether one of the hosts, or the proxy that leads to it, takes a connection within the time.

    All are tried at once, each in a thread of its own: a name server that does not answer cannot be given up
    on in any other way.
    """
    doors = {_door(url) for url in urls}
    answers: queue.SimpleQueue[bool] = queue.SimpleQueue()
    for door in doors:
        threading.Thread(target=_knock, args=(door, timeout_seconds, answers), daemon=True).start()
    deadline = time.monotonic() + timeout_seconds
    return any(_next(answers, deadline) for _ in doors)


def host_of(url: str) -> str:
    """The host of a URL, for messages."""
    return urlsplit(url).hostname or url


def _door(url: str) -> tuple[str, int]:
    """Host and port of the first machine on the way."""
    parts = urlsplit(url)
    proxy = urllib.request.getproxies().get(parts.scheme)
    if proxy and not urllib.request.proxy_bypass(parts.hostname or ""):
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _knock(door: tuple[str, int], timeout_seconds: float, answers: "queue.SimpleQueue[bool]") -> None:
    try:
        socket.create_connection(door, timeout=timeout_seconds).close()
    except (OSError, UnicodeError):  # a host name that no name server could know is a UnicodeError
        answers.put(False)
    else:
        answers.put(True)


def _next(answers: "queue.SimpleQueue[bool]", deadline: float) -> bool:
    try:
        return answers.get(timeout=max(0.0, deadline - time.monotonic()))
    except queue.Empty:
        return False
