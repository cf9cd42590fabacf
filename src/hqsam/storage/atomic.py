"""Files that are written whole or not at all, through a temporary file beside the target.

A process that is killed on the way leaves the old file as it was; the next process that writes into the folder
removes the abandoned temporary file.
"""

import errno
import functools
import os
import re
import shutil
import socket
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import psutil

from hqsam.errors import OutputError
from hqsam.storage.text import escape_surrogates

_DAY_SECONDS = 24 * 60 * 60
_HOST = f"{zlib.crc32(socket.gethostname().encode()):08x}"
# The suffix comes last because Pillow and OpenCV choose the format by it.
_TEMPORARY_NAME = re.compile(
    r"^\..*\.(?P<host>[0-9a-f]{8})-(?P<process>\d+)-[0-9a-f]{8}\.partial(\.[^.]*)?$", re.DOTALL
)

_CAUSES = {
    errno.ENOSPC: "the disk is full; free some space or choose another folder",
    errno.EDQUOT: "your disk quota is used up; free some space or choose another folder",
    errno.EFBIG: "the file grew larger than this disk or its quota allows",
    errno.EACCES: "you may not write there; choose another folder or change its permissions",
    errno.EPERM: "you may not write there; choose another folder or change its permissions",
    errno.EROFS: "that disk is read-only; choose another folder",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EEXIST: "a part of the path is a file, not a folder",
    errno.EISDIR: "it is a folder; give the name of a file",
    errno.ENAMETOOLONG: "the name is too long",
}


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; the file written there replaces `path` when the block succeeds.

    The temporary file has the suffix of `path` and exists, empty, when the block begins, so that a folder that cannot
    be written to is noticed before the work. Missing folders are created.

    Raises:
        OutputError: the file cannot be written; what `path` held before is untouched.
    """
    path = Path(path)
    temporary_path: Path | None = None
    try:
        temporary_path = _create_temporary(path)
        mode = temporary_path.stat().st_mode
        yield temporary_path
        temporary_path.chmod(mode)  # some writers (safetensors) put a file in its place that only its owner may read
        _publish(temporary_path, path)
    except OSError as error:
        if _is_about_writing(error, path, temporary_path):
            raise output_error(path, error) from error
        raise
    finally:
        if temporary_path is not None:
            with suppress(OSError):
                temporary_path.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file, whole or not at all.

    Raises:
        OutputError: the file cannot be written; what `path` held before is untouched.
    """
    with replacing(path) as temporary_path:
        temporary_path.write_bytes(data)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file as UTF-8, whole or not at all, with the line ends that `text` has.

    What UTF-8 cannot hold is replaced as by `escape_surrogates`.

    Raises:
        OutputError: the file cannot be written; what `path` held before is untouched.
    """
    write_bytes(path, escape_surrogates(text).encode())


def move_into_place(finished: Path, path: Path) -> None:
    """Rename a finished file, such as a download, or a folder to its final name on the same disk, durably.

    Raises:
        OutputError: it cannot be renamed, or takes the place of a folder that is not empty; both are as they were.
    """
    try:
        _publish(finished, path)
    except OSError as error:
        raise output_error(path, error) from error


def remove(path: Path) -> None:
    """Delete a file, if it exists.

    Raises:
        OutputError: it cannot be deleted.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise output_error(path, error, "remove") from error


def check_folder(folder: Path) -> None:
    """Check that files can be written into a folder, which need not exist yet.

    Raises:
        OutputError: they cannot be.
    """
    folder = Path(folder).absolute()
    try:
        existing = next((path for path in (folder, *folder.parents) if path.exists()), folder)
        temporary_path = path_beside(existing / "check")
        temporary_path.touch(exist_ok=False)
        temporary_path.unlink()
    except OSError as error:
        raise output_error(folder, error) from error


def output_error(path: Path, error: OSError, action: str = "write") -> OutputError:
    """Return the error that explains, with its cause, why the operating system did not write a file."""
    cause = _CAUSES.get(error.errno or 0, error.strerror or str(error))
    return OutputError(f"cannot {action} {path}: {cause}")


def _create_temporary(path: Path) -> Path:
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent.absolute())
    temporary_path = path_beside(path)
    temporary_path.touch(exist_ok=False)
    return temporary_path


def path_beside(path: Path) -> Path:
    """Return a new name for a temporary file or folder beside a target, by which `sweep` knows whose it is."""
    mark = f".{_HOST}-{os.getpid()}-{uuid4().hex[:8]}.partial{path.suffix}"
    return path.with_name(f".{path.stem[:60]}{mark}")


# Once per folder and process: a folder of a million masks is not listed a million times.
@functools.lru_cache(maxsize=256)
def sweep(folder: Path) -> None:
    """Remove the temporary files of processes that no longer run."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            name = _TEMPORARY_NAME.match(entry.name)
            with suppress(OSError):  # another process has just put it in its place
                if name and _is_abandoned(Path(entry.path), name["host"], int(name["process"])):
                    remove_tree(Path(entry.path))


def remove_tree(path: Path) -> None:
    """Delete a file, or a folder with all in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _is_abandoned(path: Path, host: str, process: int) -> bool:
    if host == _HOST and not psutil.pid_exists(process):
        return True
    return time.time() - path.stat().st_mtime > _DAY_SECONDS


def _publish(finished: Path, path: Path) -> None:
    _flush_to_disk(finished)
    finished.replace(path)
    _flush_folder_to_disk(path.parent)


def _flush_to_disk(path: Path) -> None:
    for each in path.rglob("*") if path.is_dir() else (path,):
        if each.is_file():
            with each.open("r+b") as file:
                os.fsync(file.fileno())


def _flush_folder_to_disk(folder: Path) -> None:
    """Make a new name in the folder durable, where folders can be opened (not on Windows)."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _is_about_writing(error: OSError, path: Path, temporary_path: Path | None) -> bool:
    """Return whether an error came from the file to write, and not from, say, an image that was read meanwhile."""
    if temporary_path is None:
        return True
    if error.errno is None or isinstance(error, ConnectionError | TimeoutError):
        return False
    return error.filename is None or os.fspath(error.filename) in (str(path), str(temporary_path))
