"""Upgrades of databases that an older hqsam made, in place, with a copy of what was there."""

import sqlite3
from contextlib import closing
from pathlib import Path
from sqlite3 import connect

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, insert, inspect, select, text, update

from hqsam import storage
from hqsam.errors import DataError, OutputError
from hqsam.serving.store.tables import FORMAT, Base, Metadata

_LOCK = 7283115
"""Number of a PostgreSQL advisory lock: of servers that start at the same time, one upgrades."""


def migrate(connection: Connection, database: Path | None) -> None:
    """Create the tables of an empty database, or upgrade older ones, in the connection's transaction.

    Args:
        connection: in a transaction that may write.
        database: the file of an SQLite database; before an upgrade it is copied to `NAME.format-N` beside it.

    Raises:
        DataError: the database was written by a later hqsam.
        OutputError: the copy cannot be written; nothing was changed.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    is_new = not inspect(connection).has_table(Metadata.__tablename__)
    known = None if is_new else connection.scalar(select(Metadata.value).where(Metadata.name == "format"))
    if known == str(FORMAT):
        return
    config = _config(connection)
    if known is None:
        Base.metadata.create_all(connection)
        connection.execute(insert(Metadata).values(name="format", value=str(FORMAT)))
        command.stamp(config, "head")
        return
    if not known.isdecimal() or int(known) > FORMAT:
        raise DataError(
            f"these annotations were written by a later hqsam (format {known}, and this one knows up to {FORMAT}); "
            "update hqsam to open them"
        )
    if database is not None:
        _copy(database, database.with_name(f"{database.name}.format-{known}"))
    if not inspect(connection).has_table("alembic_version"):
        command.stamp(config, "1")
    command.upgrade(config, "head")
    connection.execute(update(Metadata).where(Metadata.name == "format").values(value=str(FORMAT)))


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "hqsam.serving.store:migrations")
    config.attributes["connection"] = connection
    return config


def _copy(database: Path, copy: Path) -> None:
    """Copy a database that others may be reading; an earlier copy stays as it is."""
    if copy.exists():
        return
    try:
        with (
            storage.replacing(copy) as temporary_path,
            closing(connect(database)) as origin,
            closing(connect(temporary_path)) as target,
        ):
            origin.backup(target)
    except sqlite3.Error as error:
        raise OutputError(f"cannot copy {database} to {copy} before its upgrade: {error}") from error
