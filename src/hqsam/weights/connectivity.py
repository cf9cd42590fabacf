"""Quick check for a network before a download, so that its absence is known in seconds, not in minutes."""

import queue
import socket
import threading
import time
import urllib.request
from collections.abc import Iterable
from urllib.parse import urlsplit

CONNECT_SECONDS = 3.0
"""Time after which a host that does not answer counts as unreachable."""


def is_reachable(urls: Iterable[str], timeout_seconds: float = CONNECT_SECONDS) -> bool:
    """Return whether one of the hosts, or the proxy that leads to it, accepts a connection in time.

    All are tried at once, each in a thread of its own, because a name server that does not answer cannot be given up
    in another way.
    """
    addresses = {_first_hop(url) for url in urls}
    answers: queue.SimpleQueue[bool] = queue.SimpleQueue()
    for address in addresses:
        threading.Thread(target=_try_to_connect, args=(address, timeout_seconds, answers), daemon=True).start()
    deadline = time.monotonic() + timeout_seconds
    return any(_next_answer(answers, deadline) for _ in addresses)


def host_of(url: str) -> str:
    """Return the host name of a URL, for messages."""
    return urlsplit(url).hostname or url


def _first_hop(url: str) -> tuple[str, int]:
    """Return host and port of the first machine on the way: the proxy if there is one, else the host itself."""
    parts = urlsplit(url)
    proxy = urllib.request.getproxies().get(parts.scheme)
    if proxy and not urllib.request.proxy_bypass(parts.hostname or ""):
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _try_to_connect(address: tuple[str, int], timeout_seconds: float, answers: "queue.SimpleQueue[bool]") -> None:
    try:
        socket.create_connection(address, timeout=timeout_seconds).close()
    except (OSError, UnicodeError):  # a host name that no name server could know is a UnicodeError
        answers.put(False)
    else:
        answers.put(True)


def _next_answer(answers: "queue.SimpleQueue[bool]", deadline: float) -> bool:
    try:
        return answers.get(timeout=max(0.0, deadline - time.monotonic()))
    except queue.Empty:
        return False
