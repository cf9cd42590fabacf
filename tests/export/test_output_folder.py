"""Folders that exports write: what is the user's stays, and nothing is replaced by half."""

import pytest

from hqsam import storage
from hqsam.errors import OptionError, OutputError
from hqsam.export.output_folder import README, check_free, export_folder

MARK = "onnx/encoder.onnx"


def made(folder):
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def earlier(tmp_path):
    """A folder that an export wrote, with a file of the user's."""
    folder = tmp_path / "out"
    (folder / "onnx").mkdir(parents=True)
    for name, text in (
        (MARK, "old"),
        (README, "# nano\n\nWritten by hqsam 0.1.0"),
        ("CNAME", "mine"),
        (".git", "mine"),
    ):
        (folder / name).write_text(text)
    return folder


def write(folder):
    (folder / "onnx").mkdir()
    (folder / "onnx" / "other.onnx").write_text("new")
    (folder / README).write_text("new")


def test_a_folder_of_the_same_export_is_free_and_an_empty_or_missing_one(earlier, tmp_path):
    check_free(earlier, MARK)
    check_free(tmp_path / "missing", MARK)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".git").write_text("")
    check_free(tmp_path / "empty", MARK)


@pytest.mark.parametrize("gone", [MARK, README])
def test_a_folder_that_only_resembles_one_is_refused(earlier, gone):
    (earlier / gone).unlink()
    with pytest.raises(OptionError, match=r"holds other files \(CNAME"):
        check_free(earlier, MARK)


def test_a_page_of_somebody_else_is_no_mark(earlier):
    (earlier / README).write_text("# A model from elsewhere")
    with pytest.raises(OptionError, match="holds other files"):
        check_free(earlier, MARK)


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(OptionError, match="is a file"):
        check_free(tmp_path / "out", MARK)


def test_what_is_made_takes_the_place_of_what_was_there_and_the_rest_stays(earlier):
    with export_folder(earlier) as fresh:
        write(fresh)
    assert made(earlier) == {"onnx/other.onnx": "new", README: "new", "CNAME": "mine", ".git": "mine"}


def test_an_error_on_the_way_leaves_all_as_it_was(earlier):
    before = made(earlier)
    with pytest.raises(ZeroDivisionError), export_folder(earlier) as fresh:
        write(fresh)
        raise ZeroDivisionError
    assert made(earlier) == before


def test_an_error_at_the_end_brings_back_what_was_there(earlier, monkeypatch):
    before, move = made(earlier), storage.move_into_place

    def fails(finished, path):
        if finished.is_file() and finished.read_text() == "new":
            raise OutputError("the disk is gone")
        move(finished, path)

    monkeypatch.setattr(storage, "move_into_place", fails)
    with pytest.raises(OutputError), export_folder(earlier) as fresh:
        write(fresh)
    assert made(earlier) == before
