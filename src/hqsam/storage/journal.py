"""A journal of JSON lines that a killed job reads to go on."""

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from hqsam.errors import DataError, OutputError
from hqsam.storage.atomic import output_error, remove


class Journal:
    """A file of JSON lines that only grows, for work that is resumed after a kill.

    Each record is handed to the operating system whole, before `append` returns, and reaches the disk within
    about a second or at `close`. An incomplete last line, left by a kill, is ignored when reading and cut off before
    the next append. One process writes at a time; its threads may share the journal.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._descriptor: int | None = None
        self._synced_at = 0.0
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the records, oldest first; there are none while the file does not exist.

        Raises:
            DataError: a line before the last is not JSON, which a kill cannot cause.
        """
        return (record for record, _ in self._records())

    def append(self, record: Any) -> int:
        """Append one record, any value that JSON can hold, and return how many bytes it takes.

        Raises:
            OutputError: it could not be written; the journal is as it was.
        """
        line = json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
        with self._lock:
            try:
                self._write(line)
            except OSError as error:
                raise output_error(self.path, error) from error
        return len(line)

    def resume(self, heading: dict[str, Any]) -> list[Any]:
        """Return the records after the heading, the first record, which is written if there is none yet.

        Args:
            heading: what the work has to have in common with an earlier run to go on with it.

        Raises:
            OutputError: the journal is of an unfinished run with another heading, or cannot be written.
            DataError: it is damaged.
        """
        records = list(self)
        if len(records) <= 1 and records != [heading]:
            self.clear()  # of another run that has done nothing yet
            self.append(heading)
        elif records[0] != heading:
            changed = [name for name in heading if records[0].get(name) != heading[name]]
            raise OutputError(
                f"{self.path} is of an unfinished run with other {', '.join(changed)}; finish that one, delete the "
                "file, or choose another folder"
            )
        return records[1:]

    def clear(self) -> None:
        """Delete all records.

        Raises:
            OutputError: the file cannot be removed.
        """
        self.close()
        remove(self.path)

    def close(self) -> None:
        """Flush all records to the disk and close the file. A later append opens it again."""
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
        whole = 0
        for _, whole in self._records():  # noqa: B007  (its last value)
            pass
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)
        os.ftruncate(descriptor, whole)
        return descriptor

    def _records(self) -> Iterator[tuple[Any, int]]:
        """Yield each record, and the number of bytes up to its end; a line at a time, however long the file is."""
        if not self.path.exists():
            return
        end, damaged = 0, None
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if damaged is not None:
                    raise damaged
                try:
                    if not line.endswith(b"\n"):
                        return
                    record = json.loads(line.decode("utf-8", "surrogatepass"))
                except ValueError as error:
                    damaged = DataError(f"line {number} of {self.path} is damaged: {error}")
                    damaged.__cause__ = error
                    continue
                end += len(line)
                yield record, end
