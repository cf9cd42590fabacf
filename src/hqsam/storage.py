"""Files that are there whole or not at all, and a journal that a killed job reads to go on.

Everything that hqsam writes goes through here: into a temporary file beside the target, to the disk, and
only then under its name. Whoever is killed on the way leaves the old file as it was; the next process that
writes into the folder sweeps the abandoned temporary file away.
"""

import errno
import functools
import json
import os
import re
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import uuid4

from hqsam.errors import DataError, OutputError

_DAY_SECONDS = 24 * 60 * 60
_HOST = f"{zlib.crc32(socket.gethostname().encode()):08x}"
# The suffix comes last because Pillow and OpenCV choose the format by it.
_TEMPORARY_NAME = re.compile(
    r"^\..*\.(?P<host>[0-9a-f]{8})-(?P<process>\d+)-[0-9a-f]{8}\.partial(\.[^.]*)?$", re.DOTALL
)
_SURROGATE = re.compile("[\ud800-\udfff]")

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
    """Lend a temporary path beside `path`; what was written to it takes the name when the block ends well.

    The temporary file has the suffix of `path`, and exists (empty) when the block begins, so that a folder
    that cannot be written is found out before the work. Missing folders are made.

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
    """Write the whole file or nothing.

    Raises:
        OutputError: the file cannot be written; what `path` held before is untouched.
    """
    with replacing(path) as temporary_path:
        temporary_path.write_bytes(data)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write the whole file, as UTF-8 and with the line ends that `text` has, or nothing; see `readable`.

    Raises:
        OutputError: the file cannot be written; what `path` held before is untouched.
    """
    write_bytes(path, readable(text).encode())


def readable(text: str) -> str:
    """Text that UTF-8 can hold. In a file's name, a byte that is not UTF-8 becomes %E9, as in addresses.

    Python carries such bytes through text as lone surrogates, which can be neither written nor printed.
    """
    return _SURROGATE.sub(
        lambda one: f"%{ord(one[0]) & 0xFF:02X}" if "\udc80" <= one[0] <= "\udcff" else "\ufffd", text
    )


def move_into_place(finished: Path, path: Path) -> None:
    """Give a file that was written under another name of the same folder, such as a download, its own.

    Raises:
        OutputError: it cannot be done; both files are as they were.
    """
    try:
        _publish(finished, path)
    except OSError as error:
        raise output_error(path, error) from error


def remove(path: Path) -> None:
    """Delete a file, if it is there.

    Raises:
        OutputError: it cannot be done.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise output_error(path, error, "remove") from error


def check_folder(folder: Path) -> None:
    """Find out before the work whether files can be written into a folder, which need not be there yet.

    Raises:
        OutputError: they cannot.
    """
    folder = Path(folder).absolute()
    try:
        existing = next((path for path in (folder, *folder.parents) if path.exists()), folder)
        temporary_path = _temporary_path(existing / "check")
        temporary_path.touch(exist_ok=False)
        temporary_path.unlink()
    except OSError as error:
        raise output_error(folder, error) from error


def output_error(path: Path, error: OSError, what: str = "write") -> OutputError:
    """What to tell a person whose file the operating system did not write."""
    cause = _CAUSES.get(error.errno or 0, error.strerror or str(error))
    return OutputError(f"cannot {what} {path}: {cause}")


class Journal:
    """A file of JSON lines that only grows, for work that must go on after a kill.

    Each record is handed to the operating system whole, before `append` returns, and reaches the disk within
    about a second or at `close`. A last line that a kill tore is not a record: it is ignored when reading and
    cut off before the next append. One writer at a time; its threads may share it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._descriptor: int | None = None
        self._synced_at = 0.0
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[Any]:
        """The records so far, oldest first; none when there is no file yet.

        Raises:
            DataError: a line before the last is no JSON, which no kill can cause.
        """
        return iter(self._read()[0])

    def append(self, record: Any) -> None:
        """Add one record, anything that JSON can hold.

        Raises:
            OutputError: it could not be written; the journal is as it was.
        """
        line = json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
        with self._lock:
            try:
                self._write(line)
            except OSError as error:
                raise output_error(self.path, error) from error

    def clear(self) -> None:
        """Forget all records.

        Raises:
            OutputError: the file cannot be removed.
        """
        self.close()
        remove(self.path)

    def close(self) -> None:
        """Bring everything to the disk. A later append opens the journal again."""
        with self._lock:
            if self._descriptor is not None:
                os.fsync(self._descriptor)
                os.close(self._descriptor)
                self._descriptor = None

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, line: bytes) -> None:
        if self._descriptor is None:
            self._descriptor = self._open()
        length = os.fstat(self._descriptor).st_size
        try:
            written = 0
            while written < len(line):
                written += os.write(self._descriptor, line[written:])
        except BaseException:
            os.ftruncate(self._descriptor, length)
            raise
        if time.monotonic() - self._synced_at > 1:
            os.fsync(self._descriptor)
            self._synced_at = time.monotonic()

    def _open(self) -> int:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        whole = self._read()[1]
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)
        os.ftruncate(descriptor, whole)
        return descriptor

    def _read(self) -> tuple[list[Any], int]:
        """The records, and how many bytes of the file they take."""
        records: list[Any] = []
        whole = 0
        lines = self.path.read_bytes().splitlines(keepends=True) if self.path.exists() else []
        for number, line in enumerate(lines, start=1):
            try:
                if not line.endswith(b"\n"):
                    break
                records.append(json.loads(line.decode("utf-8", "surrogatepass")))
            except ValueError as error:
                if number == len(lines):
                    break
                raise DataError(f"line {number} of {self.path} is damaged: {error}") from error
            whole += len(line)
        return records, whole


def _create_temporary(path: Path) -> Path:
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent.absolute())
    temporary_path = _temporary_path(path)
    temporary_path.touch(exist_ok=False)
    return temporary_path


def _temporary_path(path: Path) -> Path:
    mark = f".{_HOST}-{os.getpid()}-{uuid4().hex[:8]}.partial{path.suffix}"
    return path.with_name(f".{path.stem[:60]}{mark}")


@functools.lru_cache(
    maxsize=256
)  # once per folder and process: a folder of a million masks is not listed a million times
def _sweep(folder: Path) -> None:
    """Remove the temporary files of processes that are gone."""
    with suppress(OSError):
        for entry in os.scandir(folder):
            name = _TEMPORARY_NAME.match(entry.name)
            if name and _is_abandoned(Path(entry.path), name["host"], int(name["process"])):
                Path(entry.path).unlink(missing_ok=True)


def _is_abandoned(path: Path, host: str, process: int) -> bool:
    if host == _HOST and os.name == "posix":
        try:
            os.kill(process, 0)  # signal 0 only asks whether the process is there; on Windows it would not
        except ProcessLookupError:
            return True
        except OSError:
            pass
    return time.time() - path.stat().st_mtime > _DAY_SECONDS


def _publish(finished: Path, path: Path) -> None:
    _flush_to_disk(finished)
    finished.replace(path)
    _flush_folder_to_disk(path.parent)


def _flush_to_disk(path: Path) -> None:
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def _flush_folder_to_disk(folder: Path) -> None:
    """Make the new name itself durable, where folders can be opened (not on Windows)."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _is_about_writing(error: OSError, path: Path, temporary_path: Path | None) -> bool:
    """Whether an error of the block came from our file, and not from, say, a photo that it read meanwhile."""
    if temporary_path is None:
        return True
    if error.errno is None or isinstance(error, ConnectionError | TimeoutError):
        return False
    return error.filename is None or os.fspath(error.filename) in (str(path), str(temporary_path))
