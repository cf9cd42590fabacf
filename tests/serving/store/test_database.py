"""The database: the same on SQLite and on a real PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sqlalchemy import create_engine

from hqsam.errors import DataError, OptionError, OutputError
from hqsam.masks.rle import encode
from hqsam.serving.service import Service
from hqsam.serving.store.annotations import AnnotationContent, AnnotationTable
from hqsam.serving.store.classes import ClassEntry, ClassTable
from hqsam.serving.store.database import Database
from hqsam.serving.store.errors import ConflictError, NotFoundError
from hqsam.serving.store.images import ImageFilter, ImageTable
from hqsam.serving.store.tables import Base
from tests.serving.postgres import postgres
from tests.serving.servers import photos_in, running, settings_in


@pytest.fixture(scope="module")
def postgres_url():
    with postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """An empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/annotations.db"
        return
    url = request.getfixturevalue("postgres_url")
    yield url
    _empty(url)


@pytest.fixture
def database(url, tmp_path):
    database = Database(settings_in(tmp_path, database=url).database_url)
    yield database
    database.close()


@pytest.fixture
def image(database):
    ImageTable(database).sync_folder(["a.jpg", "b/c.jpg"])
    return ImageTable(database).page(0, 10, ImageFilter())[0][0].id


def content(name="cup"):
    return AnnotationContent(
        class_name=name, rle=encode(np.ones((2, 3), bool)), box=(0, 0, 3, 2), area=6, prompts=["ä\u0000"]
    )


def test_what_is_written_is_read_back(database, image):
    (made,) = AnnotationTable(database).add(image, [("key", content())])
    assert AnnotationTable(database).get(made.row.id).content == content()
    assert [one.content for one in AnnotationTable(database).of_image(image)] == [content()]
    assert ImageTable(database).class_counts([image]) == {image: {"cup": 1}}


def test_of_many_changes_from_one_version_exactly_one_is_made(database, image):
    (made,) = AnnotationTable(database).add(image, [(None, content())])

    def change(number):
        try:
            return AnnotationTable(database).change(made.row.id, 1, class_name=f"name {number}").row.version
        except ConflictError:
            return "conflict"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(change, range(24)))
    assert answers.count(2) == 1 and answers.count("conflict") == 23
    assert len(AnnotationTable(database).history(made.row.id)[1]) == 2


def test_writers_at_the_same_time_all_succeed(database, image):
    with ThreadPoolExecutor(8) as pool:
        made = list(
            pool.map(lambda number: AnnotationTable(database).add(image, [(f"key {number}", content())]), range(40))
        )
    assert len({one.row.id for (one,) in made}) == 40 == len(AnnotationTable(database).of_image(image))


def test_a_change_that_fails_on_the_way_leaves_nothing(database, image):
    bad = content()
    object.__setattr__(bad, "prompts", float("nan"))
    with pytest.raises(ValueError, match="Out of range"):
        AnnotationTable(database).add(image, [(None, content()), (None, bad)])
    assert AnnotationTable(database).of_image(image) == []


def test_the_folders_list_follows_the_folder_and_keeps_what_was_annotated(database):
    images, annotations = ImageTable(database), AnnotationTable(database)
    images.sync_folder(["1.jpg", "2.jpg", "10.jpg"])
    first, second, tenth = images.page(0, 10, ImageFilter())[0]
    assert [first.name, second.name, tenth.name] == ["1.jpg", "2.jpg", "10.jpg"]
    annotations.add(first.id, [(None, content())])
    images.sync_folder(["0.jpg", "10.jpg"])
    assert {row.name for row in images.page(0, 10, ImageFilter())[0]} == {
        "0.jpg",
        "1.jpg",
        "10.jpg",
    }  # 1.jpg: it has work in it
    images.sync_folder(["1.jpg", "2.jpg", "10.jpg"])
    rows, total = images.page(0, 10, ImageFilter())
    assert [row.id for row in rows] == [first.id, second.id, tenth.id] and total == 3


def test_uploads_are_known_by_their_bytes_and_can_come_back(database):
    images = ImageTable(database)
    row, is_new = images.add_upload("digest", "a.png", 3, 2)
    assert is_new and images.add_upload("digest", "other.png", 3, 2)[1] is False
    images.delete(row.id)
    with pytest.raises(NotFoundError, match=f"no image {row.id}"):
        images.get(row.id)
    again, is_new = images.add_upload("digest", "b.png", 3, 2)
    assert is_new and again.id == row.id and again.name == "b.png"


def test_classes_are_replaced_and_completed(database, image):
    classes = ClassTable(database)
    classes.replace([ClassEntry("cup", "#000000")])
    AnnotationTable(database).add(image, [(None, content("spoon")), (None, content("cup")), (None, content("spoon"))])
    assert [(one.number, one.name, one.key) for one in classes.list()] == [(1, "cup", "1"), (2, "spoon", "2")]
    assert classes.counts() == {"cup": (1, 1), "spoon": (2, 1)}


def test_a_whole_server_works_on_it(url, _nano, tmp_path):
    settings = settings_in(tmp_path, folder=photos_in(tmp_path / "photos"), database=url)
    with running(settings) as server:
        image = next(server.client.images())["id"]
        server.client.annotate(image, np.ones((400, 600), bool), "all")
    with running(settings) as server:
        assert [one["class_name"] for one in server.client.annotations(image)] == ["all"]


def test_a_database_of_another_folder_is_refused_unless_it_moved(tmp_path):
    here, there = photos_in(tmp_path / "here"), photos_in(tmp_path / "there")
    Service(settings_in(tmp_path, folder=here)).close()
    with pytest.raises(OptionError, match="here"):
        Service(settings_in(tmp_path, folder=there))
    Service(settings_in(tmp_path, folder=there, folder_moved=True)).close()
    Service(settings_in(tmp_path, folder=there)).close()


def test_a_database_inside_its_folder_moves_with_it(tmp_path):
    here = photos_in(tmp_path / "here")
    Service(settings_in(tmp_path, folder=here, data=here / ".hqsam")).close()
    there = here.rename(tmp_path / "there")
    Service(settings_in(tmp_path, folder=there, data=there / ".hqsam")).close()


@pytest.mark.parametrize("wrong", ["nonsense", "mysql://a/b", "sqlite:////proc/nowhere/x.db"])
def test_a_database_that_cannot_be_is_refused_in_words(wrong):
    with pytest.raises((OptionError, OutputError, DataError), match=r"database|annotations|cannot"):
        Database(wrong)


def test_a_file_that_is_no_database_is_left_alone(tmp_path):
    file = tmp_path / "annotations.db"
    file.write_bytes(b"not a database at all" * 100)
    with pytest.raises(DataError, match="cannot use"):
        Database(f"sqlite:///{file}")
    assert file.read_bytes() == b"not a database at all" * 100


def test_annotations_of_a_later_hqsam_are_left_alone(tmp_path):
    url = f"sqlite:///{tmp_path}/annotations.db"
    database = Database(url)
    database.set_metadata("format", "99")
    database.close()
    with pytest.raises(DataError, match="format 99"):
        Database(url)


def _empty(url):
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    Base.metadata.drop_all(engine)
    engine.dispose()
