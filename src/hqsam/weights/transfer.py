"""Transfer of a file from a URL, resumed where a broken connection stopped.

With urllib: resuming, giving up on a silent server and choosing another mirror are this module's to do with any HTTP
library, and huggingface_hub has replaced the one that it brings along between releases.
"""

import http.client
import importlib
import re
import ssl
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError, URLError

from hqsam.version import __version__

Progress = Callable[[int, int], None]
"""Called with the number of bytes received so far and that of the whole file."""

READ_TIMEOUT_SECONDS = 15.0
"""Silence of a server after which the attempt is given up."""
RETRY_PAUSE_SECONDS = 1.0
"""Pause between two attempts."""
MAX_FRUITLESS_ATTEMPTS = 2
"""Attempts at one server that bring nothing new before it is given up."""
_CHUNK_BYTES = 1 << 20
_BUSY = {408, 429, 500, 502, 503, 504}


class MirrorError(Exception):
    """The server will not give the file."""


class _BrokenTransferError(Exception):
    """The transfer stopped; another attempt may bring more."""


def receive(url: str, part: Path, total: int, on_progress: Progress) -> bool:
    """Download into a file until it has its full length, going on from what it holds already.

    Args:
        url: where the file is.
        part: the file to write, which need not exist; what an earlier, broken transfer left is kept.
        total: size of the whole file in bytes.
        on_progress: called after each chunk.

    Returns:
        Whether all bytes came in one piece, so that they cannot be of two versions of the file.

    Raises:
        MirrorError: the server refuses, offers a file of another size, or stops sending again and again.
    """
    if size_of(part) > total:
        part.unlink()
    most = size_of(part)
    pieces, fruitless = int(most > 0), 0
    starts_here = most == 0
    while size_of(part) < total:
        reason = "it stopped before the end"
        try:
            pieces += 1
            _receive_piece(url, part, total, on_progress)
        except _BrokenTransferError as error:
            reason = str(error)
        if size_of(part) > most:
            most, fruitless = size_of(part), 0
        else:
            fruitless += 1
        if fruitless == MAX_FRUITLESS_ATTEMPTS:
            raise MirrorError(reason)
        if size_of(part) < total:
            time.sleep(RETRY_PAUSE_SECONDS)
    return starts_here and pieces == 1


def size_of(path: Path) -> int:
    """Return the size of a file in bytes, 0 if it does not exist."""
    return path.stat().st_size if path.exists() else 0


def _receive_piece(url: str, part: Path, total: int, on_progress: Progress) -> None:
    have = size_of(part)
    with _request(url, have) as response:
        start, offered = _content_range(response)
        if offered not in (None, total):
            raise MirrorError(f"offers a file of {offered:,} bytes, not of {total:,}")
        if start not in (0, have):
            raise MirrorError(f"answers with bytes from {start} when asked for those from {have}")
        with part.open("ab" if start else "wb") as file:
            have = start
            while chunk := _read(response):
                have += len(chunk)
                if have > total:
                    raise MirrorError(f"sends more than the {total:,} bytes of the file")
                file.write(chunk)
                on_progress(have, total)


def _request(url: str, start: int) -> http.client.HTTPResponse:
    headers = {"User-Agent": f"hqsam/{__version__}", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        request = urllib.request.Request(url, headers=headers)
        return urllib.request.urlopen(request, timeout=READ_TIMEOUT_SECONDS, context=_tls_context())
    except HTTPError as error:
        with error:
            kind = _BrokenTransferError if error.code in _BUSY else MirrorError
            raise kind(f"HTTP {error.code} {error.reason}") from error
    except URLError as error:
        raise _BrokenTransferError(str(error.reason)) from error
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenTransferError(str(error) or type(error).__name__) from error


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read1(_CHUNK_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenTransferError(str(error) or type(error).__name__) from error


def _content_range(response: http.client.HTTPResponse) -> tuple[int, int | None]:
    """Return the byte at which the answer starts, and the size of the whole file if the server tells it.

    A server that ignores ranges answers 200 and starts at 0.
    """
    if response.status == 206:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if found is None:
            raise MirrorError("answers a request for a range without saying which it sends")
        return int(found[1]), None if found[2] == "*" else int(found[2])
    length = response.headers.get("Content-Length")
    return 0, int(length) if length else None


def _tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    with suppress(ImportError):  # Python from python.org comes to macOS without certificates; certifi has some
        context.load_verify_locations(importlib.import_module("certifi").where())
    return context
