"""Download of checkpoints: from one of several mirrors, checked by hash, once for all processes."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from hqsam import storage
from hqsam.errors import CheckpointError, DownloadError, OutputError
from hqsam.paths import user_cache_folder
from hqsam.weights import cache, connectivity, registry
from hqsam.weights.digest import sha256_of_file
from hqsam.weights.registry import Checkpoint
from hqsam.weights.transfer import MirrorError, Progress, receive, size_of

_LOCK_POLL_SECONDS = 1.0


def fetch(name: str, on_progress: Progress | None = None) -> Path:
    """Return the path of a checkpoint of the table, downloading it if it is not on this machine.

    What a broken transfer left is kept, and gone on with the next time. The file gets its name only once its hash is
    right. Several processes may ask at once: one downloads, the others wait.

    Args:
        name: a name of `hqsam weights list`.
        on_progress: called with the bytes received and those of the whole file.

    Raises:
        OptionError: no checkpoint has that name.
        DownloadError: there is no network, it is forbidden, or no mirror gave the right file.
        OutputError: the cache folder cannot be written, or the disk is full.
    """
    return download(registry.find(name), on_progress)


def download(checkpoint: Checkpoint, on_progress: Progress | None = None) -> Path:
    """Return the path of a checkpoint, downloading it if it is not on this machine; see `fetch`.

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
        with _locked(checkpoint, on_progress or _ignore):
            if not cache.is_available(checkpoint):
                _download_from_any_mirror(checkpoint, on_progress or _ignore)
    except OSError as error:
        raise storage.output_error(path, error) from error
    return path


def _require_permission(checkpoint: Checkpoint) -> None:
    if cache.is_offline():
        available = ", ".join(cache.available_names()) or "none"
        raise DownloadError(
            f"{checkpoint.name} is not in {user_cache_folder()} and the network is forbidden by HQSAM_OFFLINE or "
            f"HF_HUB_OFFLINE; models that are here: {available}"
        )


@contextmanager
def _locked(checkpoint: Checkpoint, on_progress: Progress) -> Iterator[None]:
    """Hold the checkpoint's lock; while another process holds it, report that one's progress."""
    path = cache.checkpoint_path(checkpoint)
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    while True:
        try:
            lock.acquire(timeout=_LOCK_POLL_SECONDS)
            break
        except Timeout:
            on_progress(size_of(_part_path(checkpoint)), checkpoint.bytes or 0)
    try:
        yield
    finally:
        lock.release()


def _download_from_any_mirror(checkpoint: Checkpoint, on_progress: Progress) -> None:
    path, part = cache.checkpoint_path(checkpoint), _part_path(checkpoint)
    if not connectivity.is_reachable(checkpoint.urls):
        hosts = ", ".join(dict.fromkeys(map(connectivity.host_of, checkpoint.urls)))
        raise DownloadError(
            f"no network: {hosts} cannot be reached, so {checkpoint.name} cannot be fetched. "
            f"{_by_hand(checkpoint)} The model 'nano' needs no network."
        )
    _require_room(checkpoint, part)
    failures: list[str] = []
    for url in checkpoint.urls:
        failure = _download_from(url, checkpoint, part, on_progress)
        if failure is None:
            storage.move_into_place(part, path)
            return
        failures.append(f"\n  {url}: {failure}")
    raise DownloadError(f"{checkpoint.name} could not be fetched:{''.join(failures)}\n{_by_hand(checkpoint)}")


def _download_from(url: str, checkpoint: Checkpoint, part: Path, on_progress: Progress) -> str | None:
    """Download and check the partial file; return why this mirror cannot give it, or None if it did."""
    assert checkpoint.bytes is not None
    try:
        in_one_piece = receive(url, part, checkpoint.bytes, on_progress)
        if not _has_right_hash(part, checkpoint) and not in_one_piece:
            # The pieces may be of two files, if it was changed between the attempts: once more, from the start.
            receive(url, part, checkpoint.bytes, on_progress)
            _has_right_hash(part, checkpoint)
    except MirrorError as error:
        return str(error)
    return None if part.exists() else f"gives a file whose sha256 is not {checkpoint.sha256}"


def _has_right_hash(part: Path, checkpoint: Checkpoint) -> bool:
    """Return whether the partial file's hash is right; if not, it is removed."""
    if part.exists() and sha256_of_file(part) != checkpoint.sha256:
        part.unlink()
    return part.exists()


def _require_room(checkpoint: Checkpoint, part: Path) -> None:
    free = shutil.disk_usage(part.parent).free
    needed = (checkpoint.bytes or 0) - size_of(part)
    if needed > free:
        raise OutputError(
            f"{checkpoint.name} needs {needed / 1e9:.1f} GB in {part.parent}, where {free / 1e9:.1f} GB are free; "
            "set HQSAM_HOME to a folder on a larger disk"
        )


def _by_hand(checkpoint: Checkpoint) -> str:
    return f"Try again later, or put {checkpoint.file} (from {checkpoint.urls[0]}) into {user_cache_folder()} by hand."


def _part_path(checkpoint: Checkpoint) -> Path:
    """Return the path of the partial file, which outlives a kill; the hash in its name keeps versions apart."""
    return user_cache_folder() / f".{checkpoint.file}.{(checkpoint.sha256 or '')[:8]}.part"


def _ignore(done: int, total: int) -> None:
    pass
