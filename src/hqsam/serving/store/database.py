"""The database of annotations: SQLite by default, PostgreSQL by URL.

Every change is one transaction that is on disk when its request is answered, and every version of an annotation is
kept. A process that is killed loses nothing that was answered.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from hqsam.errors import DataError, OptionError, OutputError
from hqsam.serving.store.migrate import migrate
from hqsam.serving.store.tables import Metadata

_WRITES = "hqsam_writes"


class Database:
    """One database. Safe to use from threads."""

    def __init__(self, url: str) -> None:
        """Open it; create its tables if it has none, and upgrade those of an older hqsam in place.

        Before an upgrade an SQLite database is copied to `annotations.db.format-N` beside it.

        Raises:
            OptionError: the URL is malformed, or of a database that is not supported.
            DataError: the database is damaged, or was written by a later hqsam.
            OutputError: it cannot be reached or written.
        """
        self._engine = _engine(url)
        file = self._engine.url.database if self._engine.dialect.name == "sqlite" else None
        self._file = Path(file) if file and file != ":memory:" else None
        self._sessions = sessionmaker(self._engine, expire_on_commit=False)
        self._writers = sessionmaker(self._engine.execution_options(**{_WRITES: True}), expire_on_commit=False)
        try:
            with self.writing() as session:
                migrate(session.connection(), self._file)
        except OperationalError as error:
            raise OutputError(f"cannot open the database {self._engine.url!r}: {_cause(error)}") from error
        except DatabaseError as error:
            raise DataError(f"cannot use the database {self._engine.url!r}: {_cause(error)}") from error

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session that sees one state of the database."""
        with self._sessions() as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open a session whose changes are committed together or, if the block raises, not at all."""
        with self._writers.begin() as session:
            yield session

    def metadata(self, name: str, default: str = "") -> str:
        """Return a value that holds for the whole database; the default is stored if there is none."""
        with self.writing() as session:
            known = session.get(Metadata, name)
            if known is None:
                session.add(Metadata(name=name, value=default))
            return default if known is None else known.value

    def set_metadata(self, name: str, value: str) -> None:
        """Store a value that holds for the whole database."""
        with self.writing() as session:
            session.merge(Metadata(name=name, value=value))

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _sqlite(url)
        if parsed.get_backend_name() != "postgresql":
            raise OptionError(f"cannot keep annotations in {parsed.get_backend_name()}; use sqlite or postgresql")
        return create_engine(parsed, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError) as error:
        raise OptionError(f"{url!r} is no database URL; expected one as postgresql://user@host/name") from error


def _sqlite(url: str) -> Engine:
    path = make_url(url).database
    if path and path != ":memory:":
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make {Path(path).parent}: {error.strerror}") from error
    engine = create_engine(url, connect_args={"timeout": 30})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # or Python's driver begins transactions of its own, too late
    for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {setting}")


def _begin_sqlite(connection: Any) -> None:
    """Take the write lock at once: of two transactions that read before they write, one could only fail."""
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _cause(error: DatabaseError) -> str:
    return str(error.orig).partition("\n")[0]
