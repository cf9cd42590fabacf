from pathlib import Path

import pytest

from hqsam.batch.inputs import find_images, result_folders
from hqsam.errors import InputError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "b.PNG", "notes.txt", ".hidden.jpg", "street/1.jpg", "street/1.png", "yard/1.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


def folders(*asked):
    return [name.as_posix() for name in result_folders(find_images(list(asked)).images)]


def test_a_folder_means_all_photos_below_it(folder):
    found = [photo.inside.as_posix() for photo in find_images(["."]).images]
    assert found == ["a.jpg", "b.PNG", "street/1.jpg", "street/1.png", "yard/1.jpg"]


def test_a_pattern_the_shell_left_alone_is_expanded_to_photos(folder):
    assert [photo.path for photo in find_images(["**/1.jpg"]).images] == [Path("street/1.jpg"), Path("yard/1.jpg")]
    assert [photo.path for photo in find_images(["*.*"]).images] == [Path("a.jpg"), Path("b.PNG")]


def test_a_file_whose_name_looks_like_a_pattern_is_taken_by_name(folder):
    (folder / "x[1].jpg").touch()
    assert [photo.path for photo in find_images(["x[1].jpg"]).images] == [Path("x[1].jpg")]


def test_a_photo_asked_for_twice_is_done_once(folder):
    assert len(find_images(["a.jpg", str(folder / "a.jpg"), "a.*"]).images) == 1


def test_a_missing_file_is_kept_so_that_the_others_are_done(folder):
    assert [photo.path.name for photo in find_images(["gone.jpg", "a.jpg"]).images] == ["gone.jpg", "a.jpg"]


@pytest.mark.parametrize("asked", ["empty", "*.gif"])
def test_a_folder_or_pattern_without_photos_is_an_error_that_names_it(folder, asked):
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty|\*\.gif"):
        find_images([asked])


def test_results_of_files_lie_together(folder):
    assert folders("street/1.jpg") == ["."]
    assert folders("street/1.jpg", "a.jpg") == [".", "."]


def test_results_of_a_folder_keep_its_tree(folder):
    (folder / "yard" / "deep").mkdir()
    (folder / "yard" / "deep" / "2.jpg").touch()
    assert folders("yard") == [".", "deep"]


def test_two_photos_of_one_name_in_different_folders_do_not_overwrite_each_other(folder):
    assert folders("street/1.jpg", "yard/1.jpg") == ["street", "yard"]


def test_two_photos_that_differ_in_their_suffix_alone_get_folders_of_their_own(folder):
    assert folders("street") == ["1_jpg", "1_png"]


def test_names_that_differ_in_case_alone_are_told_apart(folder):
    (folder / "yard" / "A.png").touch()
    assert folders("a.jpg", "yard/A.png") == [".", "yard"]
