"""Files about a photo with several objects."""

from pathlib import Path

import pytest

from hqsam.formats import FORMATS
from hqsam.formats.file_names import numbered, numbered_there


@pytest.mark.parametrize("count", [1, 2, 99, 100, 1234])
def test_what_was_numbered_is_found_again(tmp_path, count):
    names = [numbered(tmp_path / "cup_mask.png", number, count) for number in range(count)]
    for name in names:
        name.touch()
    assert numbered_there(tmp_path / "cup_mask.png") == names


def test_files_of_several_runs_are_all_found_and_each_once(tmp_path):
    for name in ("a.png", "a_01.png", "a_02.png", "a_001.png", "b.png", "a_2.png"):
        (tmp_path / name).touch()
    found = [path.name for path in numbered_there(tmp_path / "a.png")]
    assert found == ["a.png", "a_01.png", "a_02.png", "a_001.png"]


def test_a_name_that_is_too_long_for_a_file_is_no_file(tmp_path):
    assert numbered_there(tmp_path / ("x" * 300 + ".png")) == []
    assert FORMATS["svg"].files_there(tmp_path, "x" * 300) == []


def test_formats_know_the_suffix_of_their_files():
    assert {name: each.suffix for name, each in FORMATS.items() if name in ("png", "svg", "coco", "csv", "yolo")} == {
        "png": ".png",
        "svg": ".svg",
        "coco": ".json",
        "csv": ".csv",
        "yolo": ".txt",
    }
    assert FORMATS["overlay"].files_there(Path("nowhere"), "cup") == []
