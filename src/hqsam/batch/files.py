"""Bytes from local files and from anything that fsspec reaches, and the folder or bucket that results go to."""

import errno
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

from hqsam import optional, storage
from hqsam.batch.items import Blob
from hqsam.errors import DataError, ImageError, OutputError, StoreError
from hqsam.storage.text import escape_surrogates

_ATTEMPTS = 3
_FIRST_PAUSE_S = 0.5
_FOR_GOOD = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
Product = TypeVar("Product")


class NamedBytes(BytesIO):
    """The bytes of an image, with the name that messages about it have."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self.name = name


def is_url(path: str) -> bool:
    """Return True for s3://, https:// and the like; a drive of Windows is no scheme."""
    scheme, separator, _ = path.partition("://")
    return bool(separator) and len(scheme) > 1 and scheme.replace("+", "").isalnum()


def file_system(url: str) -> tuple[Any, str]:
    """Return fsspec's file system of a URL and the path within it.

    Raises:
        MissingExtra: fsspec, or the package for this kind of URL, is not installed.
        DataError: there is no such kind of URL.
    """
    fsspec = optional.require("fsspec", extra="batch")
    try:
        return fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise optional.MissingExtra(f"{url} needs another package: {error}; install it beside hqsam[batch]") from error
    except ValueError as error:
        raise DataError(f"{url} cannot be opened: {error}; give a path, s3://, gs:// or https://") from error


def read_bytes(blob: Blob) -> bytes:
    """Read the bytes; from a URL up to three times, because connections break.

    Raises:
        ImageError: they cannot be read; the message says why, and the URL.
        StoreError: the same, where the cause is the store and not the file.
    """
    if not is_url(blob.url):
        try:
            return _read(blob)
        except (OSError, ValueError) as error:
            raise ImageError(f"cannot read {blob.url}: {reason_of(error)}") from error
    try:
        return _with_patience(lambda: _read(blob))
    except Exception as error:  # each kind of store has errors of its own
        kind = ImageError if isinstance(error, FileNotFoundError) else StoreError
        raise kind(f"cannot read {blob.url}: {reason_of(error)}") from error


def reason_of(error: BaseException) -> str:
    """Return why a file or store could not be read, in words."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, PermissionError):
        return "access is refused; check the permissions or credentials"
    return " ".join(str(error).split()) or type(error).__name__


def _read(blob: Blob) -> bytes:
    if not is_url(blob.url):
        with Path(blob.url).open("rb") as file:
            file.seek(blob.offset)
            data = file.read(-1 if blob.size is None else blob.size)
    else:
        files, path = file_system(blob.url)
        end = None if blob.size is None else blob.offset + blob.size
        data = files.cat_file(path, start=blob.offset or None, end=end)
    if blob.size is not None and len(data) != blob.size:
        raise OSError(errno.EIO, f"it ends after {len(data)} of {blob.size} bytes")
    return data


def _with_patience(read: Callable[[], Product]) -> Product:
    for attempt in range(_ATTEMPTS - 1):
        try:
            return read()
        except _FOR_GOOD:  # noqa: PERF203  (it reads over a network)
            raise
        except Exception:  # noqa: BLE001  (each kind of store has errors of its own)
            time.sleep(_FIRST_PAUSE_S * 2**attempt)
    return read()


class OutputStore:
    """The folder, or the prefix of a bucket, that results go to. Each file is written whole or not at all."""

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/") if is_url(root) else root
        self.is_local = not is_url(root)
        self._files, self._path = (None, root) if self.is_local else file_system(self.root)

    @contextmanager
    def replacing(self, name: str) -> Iterator[Path]:
        """Lend a path to write a file to; it takes its place in the store when the block succeeds.

        Raises:
            OutputError: it cannot be written; what was there before is untouched.
        """
        if self._files is None:
            with storage.replacing(Path(self.root) / name) as path:
                yield path
            return
        with tempfile.TemporaryDirectory(prefix="hqsam-batch-") as folder:
            path = Path(folder) / Path(name).name
            yield path
            self.put(path, name)

    @contextmanager
    def folder(self, name: str) -> Iterator[Path]:
        """Lend a folder whose files are in the store when the block succeeds."""
        if self._files is None:
            yield Path(self.root) / name
            return
        with tempfile.TemporaryDirectory(prefix="hqsam-batch-") as folder:
            yield Path(folder)
            for path in sorted(file for file in Path(folder).rglob("*") if file.is_file()):
                self.put(path, f"{name}/{path.relative_to(folder).as_posix()}")

    def put(self, path: Path, name: str) -> None:
        """Upload a file.

        Raises:
            OutputError: the store does not take it.
        """
        files: Any = self._files
        try:
            _with_patience(lambda: files.put_file(str(path), f"{self._path}/{name}"))
        except Exception as error:  # each kind of store has errors of its own
            raise OutputError(f"cannot write {self.root}/{name}: {reason_of(error)}") from error

    def write_text(self, name: str, text: str) -> None:
        """Write a text file; names of files that are no UTF-8 are escaped in it."""
        with self.replacing(name) as path:
            path.write_text(escape_surrogates(text), encoding="utf-8", newline="\n")

    def read_text(self, name: str) -> str | None:
        """Return a text file's content, None if there is none."""
        try:
            if self._files is None:
                return (Path(self.root) / name).read_text(encoding="utf-8")
            return self._files.cat_file(f"{self._path}/{name}").decode()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DataError(f"cannot read {self.root}/{name}: {reason_of(error)}") from error

    def names(self, folder: str = "") -> list[str]:
        """Return the names of what is in a folder of the store, hidden files left out."""
        if self._files is None:
            place = Path(self.root) / folder
            found = [entry.name for entry in os.scandir(place)] if place.is_dir() else []
        else:
            self._files.invalidate_cache()
            try:
                listed = self._files.ls(f"{self._path}/{folder}".rstrip("/"), detail=False)
            except FileNotFoundError:
                listed = []
            found = [str(name).rstrip("/").rpartition("/")[2] for name in listed]
        return sorted(name for name in found if name and not name.startswith("."))

    def remove(self, name: str) -> None:
        """Delete a file, if it exists."""
        if self._files is None:
            storage.remove(Path(self.root) / name)
        elif self._files.exists(f"{self._path}/{name}"):
            self._files.rm_file(f"{self._path}/{name}")
