"""Fetch a checkpoint: resumed, checked, once.

With urllib, because the two things that matter here, going on where a broken transfer stopped and taking the
same file from several places, are ours to do with any client; and `huggingface_hub` has changed the HTTP library
that it brings along between releases.
"""

import http.client
import importlib
import re
import shutil
import ssl
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import HTTPError, URLError

from filelock import FileLock, Timeout

from hqsam import storage
from hqsam.errors import CheckpointError, DownloadError, OutputError
from hqsam.paths import user_cache_folder
from hqsam.version import __version__
from hqsam.weights import cache, connectivity, registry
from hqsam.weights.digest import sha256_of_file
from hqsam.weights.registry import Checkpoint

Progress = Callable[[int, int], None]
"""Called with the bytes that are here, and the bytes of the whole file."""

SILENCE_SECONDS = 15.0
"""A server that sends nothing for so long is given up."""
PAUSE_SECONDS = 1.0
"""Between two attempts, and between two looks at a download of another process."""
FRUITLESS_ATTEMPTS = 2
"""Attempts at one mirror that bring nothing new, before the next mirror is tried."""
_CHUNK_BYTES = 1 << 20
_BUSY = {408, 429, 500, 502, 503, 504}


def fetch(name: str, on_progress: Progress | None = None) -> Path:
    """The path of a checkpoint of the table, fetched if it is not here.

    What a broken transfer left is kept, and gone on with the next time. The file has its name only once its
    hash is right. Several processes may ask at once: one downloads, the others wait.

    Raises:
        OptionError: no checkpoint has that name.
        DownloadError: there is no network, it is forbidden, or no mirror gave the right file.
        OutputError: the cache folder cannot be written, or the disk is full.
    """
    return download(registry.find(name), on_progress)


def download(checkpoint: Checkpoint, on_progress: Progress | None = None) -> Path:
    """The path of a checkpoint, fetched if it is not here; as `fetch`, for a row of one's own.

    Raises:
        DownloadError: there is no network, it is forbidden, or no mirror gave the right file.
        OutputError: the cache folder cannot be written, or the disk is full.
        CheckpointError: a bundled file is missing from the installation.
    """
    path = cache.checkpoint_path(checkpoint)
    if cache.is_available(checkpoint):
        return path
    if checkpoint.is_bundled:
        raise CheckpointError(f"the bundled model {checkpoint.name} is missing: {path}; install hqsam again")
    _require_permission(checkpoint)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(checkpoint, on_progress):
            if not cache.is_available(checkpoint):
                _fetch_from_any(checkpoint, on_progress or _ignore)
    except OSError as error:
        raise storage.output_error(path, error) from error
    return path


class _MirrorError(Exception):
    """This mirror will not give the file."""


class _BrokenTransferError(Exception):
    """The transfer stopped; another attempt may bring more."""


def _require_permission(checkpoint: Checkpoint) -> None:
    if cache.is_offline():
        here = ", ".join(cache.available_names()) or "none"
        raise DownloadError(
            f"{checkpoint.name} is not in {user_cache_folder()} and the network is forbidden by HQSAM_OFFLINE or "
            f"HF_HUB_OFFLINE; models that are here: {here}"
        )


@contextmanager
def _alone(checkpoint: Checkpoint, on_progress: Progress | None) -> Iterator[None]:
    """Hold the checkpoint's lock; while another process has it, report what that one has received."""
    path = cache.checkpoint_path(checkpoint)
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    while True:
        try:
            lock.acquire(timeout=PAUSE_SECONDS)
            break
        except Timeout:
            (on_progress or _ignore)(_size(_part_of(checkpoint)), checkpoint.bytes or 0)
    try:
        yield
    finally:
        lock.release()


def _fetch_from_any(checkpoint: Checkpoint, on_progress: Progress) -> None:
    path, part = cache.checkpoint_path(checkpoint), _part_of(checkpoint)
    if not connectivity.is_reachable(checkpoint.urls):
        hosts = ", ".join(dict.fromkeys(map(connectivity.host_of, checkpoint.urls)))
        raise DownloadError(
            f"no network: {hosts} cannot be reached, so {checkpoint.name} cannot be fetched. "
            f"{_by_hand(checkpoint)} The model 'nano' needs no network."
        )
    _require_room(checkpoint, part)
    failures: list[str] = []
    for url in checkpoint.urls:
        failure = _fetch_from(url, checkpoint, part, on_progress)
        if failure is None:
            storage.move_into_place(part, path)
            return
        failures.append(f"\n  {url}: {failure}")
    raise DownloadError(f"{checkpoint.name} could not be fetched:{''.join(failures)}\n{_by_hand(checkpoint)}")


def _fetch_from(url: str, checkpoint: Checkpoint, part: Path, on_progress: Progress) -> str | None:
    """Bring the part to its full length and check it; the answer is why this mirror cannot, if it cannot."""
    try:
        was_whole = _receive(url, checkpoint, part, on_progress)
        if not _is_right(part, checkpoint) and not was_whole:
            # The pieces may be of two files, if it was changed between the attempts: once more, from nothing.
            _receive(url, checkpoint, part, on_progress)
            _is_right(part, checkpoint)
    except _MirrorError as error:
        return str(error)
    return None if part.exists() else f"gives a file whose sha256 is not {checkpoint.sha256}"


def _is_right(part: Path, checkpoint: Checkpoint) -> bool:
    """Whether its digest is right; if not, the part is removed."""
    if part.exists() and sha256_of_file(part) != checkpoint.sha256:
        part.unlink()
    return part.exists()


def _receive(url: str, checkpoint: Checkpoint, part: Path, on_progress: Progress) -> bool:
    """Receive until the part has its full length; whether that took one piece."""
    assert checkpoint.bytes is not None
    if _size(part) > checkpoint.bytes:
        part.unlink()
    most = _size(part)
    pieces, fruitless = int(most > 0), 0
    starts_here = most == 0
    while _size(part) < checkpoint.bytes:
        reason = "it stopped before the end"
        try:
            pieces += 1
            _receive_piece(url, checkpoint.bytes, part, on_progress)
        except _BrokenTransferError as error:
            reason = str(error)
        if _size(part) > most:
            most, fruitless = _size(part), 0
        else:
            fruitless += 1
        if fruitless == FRUITLESS_ATTEMPTS:
            raise _MirrorError(reason)
        if _size(part) < checkpoint.bytes:
            time.sleep(PAUSE_SECONDS)
    return starts_here and pieces == 1


def _receive_piece(url: str, total: int, part: Path, on_progress: Progress) -> None:
    have = _size(part)
    with _open(url, have) as response:
        start, offered = _extent(response)
        if offered not in (None, total):
            raise _MirrorError(f"offers a file of {offered:,} bytes, not of {total:,}")
        if start not in (0, have):
            raise _MirrorError(f"answers with bytes from {start} when asked for those from {have}")
        with part.open("ab" if start else "wb") as file:
            have = start
            while chunk := _read(response):
                have += len(chunk)
                if have > total:
                    raise _MirrorError(f"sends more than the {total:,} bytes of the file")
                file.write(chunk)
                on_progress(have, total)


def _open(url: str, start: int) -> http.client.HTTPResponse:
    headers = {"User-Agent": f"hqsam/{__version__}", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        request = urllib.request.Request(url, headers=headers)
        return urllib.request.urlopen(request, timeout=SILENCE_SECONDS, context=_tls())
    except HTTPError as error:
        with error:
            kind = _BrokenTransferError if error.code in _BUSY else _MirrorError
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


def _extent(response: http.client.HTTPResponse) -> tuple[int, int | None]:
    """At which byte the answer starts, and how long the whole file is, if the server says so.

    A server that refuses ranges answers 200 and starts at 0.
    """
    if response.status == 206:
        said = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if said is None:
            raise _MirrorError("answers a request for a range without saying which it sends")
        return int(said[1]), None if said[2] == "*" else int(said[2])
    length = response.headers.get("Content-Length")
    return 0, int(length) if length else None


def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    with suppress(ImportError):  # Python from python.org comes to macOS without certificates; certifi has some
        context.load_verify_locations(importlib.import_module("certifi").where())
    return context


def _require_room(checkpoint: Checkpoint, part: Path) -> None:
    free = shutil.disk_usage(part.parent).free
    needed = (checkpoint.bytes or 0) - _size(part)
    if needed > free:
        raise OutputError(
            f"{checkpoint.name} needs {needed / 1e9:.1f} GB in {part.parent}, where {free / 1e9:.1f} GB are free; "
            "set HQSAM_HOME to a folder on a larger disk"
        )


def _by_hand(checkpoint: Checkpoint) -> str:
    return f"Try again later, or put {checkpoint.file} (from {checkpoint.urls[0]}) into {user_cache_folder()} by hand."


def _part_of(checkpoint: Checkpoint) -> Path:
    """Not one of storage's temporary files: it is meant to outlive a kill. The digest keeps versions apart."""
    return user_cache_folder() / f".{checkpoint.file}.{(checkpoint.sha256 or '')[:8]}.part"


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _ignore(done: int, total: int) -> None:
    pass
