"""A database of an older hqsam is upgraded in place, with a copy beside it; one of a later hqsam is left alone."""

import sqlite3
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from hqsam.errors import DataError
from hqsam.serving.store import migrate
from hqsam.serving.store.annotations import AnnotationTable
from hqsam.serving.store.classes import ClassTable
from hqsam.serving.store.database import Database
from hqsam.serving.store.tables import FORMAT, Base
from tests.serving.postgres import postgres

MADE_BY_0_1 = Path(__file__).parent / "data_of_version_0.1.zip"


@pytest.fixture
def old(tmp_path) -> Path:
    """The SQLite database that hqsam 0.1 made."""
    with zipfile.ZipFile(MADE_BY_0_1) as archive:
        (tmp_path / "annotations.db").write_bytes(archive.read("legacy/photos/.hqsam/annotations.db"))
    return tmp_path / "annotations.db"


def test_a_database_of_0_1_gets_the_tables_of_today_and_a_copy_stays(old):
    before = contents(old)
    database = Database(f"sqlite:///{old}")
    classes = [(one.number, one.name, one.colour, one.key) for one in ClassTable(database).list()]
    assert classes == [(1, "cup", "#112233", "1"), (2, "spoon", "#445566", "2"), (3, "plate", "#cc79a7", "3")]
    assert ClassTable(database).counts() == {"cup": (2, 2), "spoon": (1, 1), "plate": (1, 1)}
    assert database.metadata("format") == str(FORMAT)
    database.close()
    assert contents(old.with_name("annotations.db.format-1")) == before
    assert columns_of(f"sqlite:///{old}") == columns_of_a_new_one(old.parent)


def test_an_upgrade_that_fails_leaves_the_database_as_it_was(old, monkeypatch):
    before = contents(old)
    real = migrate.command.upgrade

    def upgrade(config, revision):
        real(config, revision)
        raise DataError("the machine stops here")

    monkeypatch.setattr(migrate.command, "upgrade", upgrade)
    with pytest.raises(DataError, match="stops here"):
        Database(f"sqlite:///{old}")
    assert contents(old) == before
    monkeypatch.undo()
    Database(f"sqlite:///{old}").close()


def test_a_database_of_a_later_hqsam_is_refused_with_words_and_unchanged(old):
    Database(f"sqlite:///{old}").close()
    with sqlite3.connect(old) as connection:
        connection.execute("UPDATE facts SET value = '99' WHERE name = 'format'")
    before = contents(old)
    with pytest.raises(DataError, match=r"later hqsam \(format 99.*update hqsam"):
        Database(f"sqlite:///{old}")
    assert contents(old) == before and not old.with_name("annotations.db.format-99").exists()


def test_a_postgresql_of_0_1_is_upgraded_as_well(old):
    with postgres() as url:
        copy_to_postgresql(old, url)
        database = Database(url.replace("postgresql://", "postgresql+psycopg://"))
        assert [one.name for one in ClassTable(database).list()] == ["cup", "spoon", "plate"]
        assert [one.content.class_name for one in AnnotationTable(database).of_image(1)] == ["cup", "spoon"]
        new = AnnotationTable(database).add(1, [(None, AnnotationTable(database).of_image(1)[0].content)])
        assert new[0].row.id > 5 and database.metadata("format") == str(FORMAT)
        database.close()


def contents(path: Path) -> str:
    with sqlite3.connect(path) as connection:
        return "\n".join(connection.iterdump())


def columns_of(url: str) -> dict[str, list[tuple[str, str, bool]]]:
    engine = create_engine(url)
    tables = inspect(engine)
    found = {
        table: sorted((one["name"], str(one["type"]), one["nullable"]) for one in tables.get_columns(table))
        for table in tables.get_table_names()
    }
    engine.dispose()
    return found


def columns_of_a_new_one(folder: Path) -> dict[str, list[tuple[str, str, bool]]]:
    url = f"sqlite:///{folder / 'new.db'}"
    Database(url).close()
    return columns_of(url)


def copy_to_postgresql(old: Path, url: str) -> None:
    """Make the tables as 0.1 did, and copy their rows."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    added = {"images": {"note"}, "annotations": {"class_name", "track", "tracked"}, "versions": {"batch_id"}}
    with engine.begin() as connection, sqlite3.connect(old) as source:
        Base.metadata.create_all(connection)
        connection.execute(text("DROP TABLE batches"))
        connection.execute(text("DROP TABLE classes"))
        connection.execute(text("CREATE TABLE classes (position SERIAL PRIMARY KEY, name TEXT, colour VARCHAR(7))"))
        for table, names in added.items():
            for name in names:
                connection.execute(text(f"ALTER TABLE {table} DROP COLUMN {name}"))
        source.row_factory = sqlite3.Row
        for table in ("facts", "images", "annotations", "versions", "classes"):
            for row in source.execute(f"SELECT * FROM {table}"):
                values = {name: bool(row[name]) if name in ("missing", "deleted") else row[name] for name in row.keys()}  # noqa: SIM118
                fields = ", ".join(f'"{name}"' for name in values)
                marks = ", ".join(f":{name}" for name in values)
                connection.execute(text(f"INSERT INTO {table} ({fields}) VALUES ({marks})"), values)
        for table in ("images", "annotations"):
            connection.execute(text(f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))"))
    engine.dispose()
