"""Names as macOS, Windows and other tools have them."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hqsam import formats
from hqsam.batch.inputs import ImageFile, result_folders
from hqsam.masks.instances import Instances
from hqsam.storage import file_names
from hqsam.storage.file_names import comparable_name, portable_name


@pytest.mark.parametrize(
    ("name", "other", "same"),
    [
        ("caf\u00e9.jpg", "cafe\u0301.jpg", True),
        ("CAF\u00c9.JPG", "cafe\u0301.jpg", True),
        ("Stra\u00dfe.png", "STRASSE.png", True),
        ("a.jpg", "b.jpg", False),
        ("cafe.jpg", "caf\u00e9.jpg", False),
    ],
)
def test_names_that_some_system_takes_for_one_are_one(name, other, same):
    assert (comparable_name(name) == comparable_name(other)) is same


@given(st.text())
def test_comparing_does_not_depend_on_the_form(name):
    assert comparable_name(name) == comparable_name(unicodedata.normalize("NFD", name))


@pytest.mark.parametrize(
    ("name", "portable"),
    [
        ("cup_mask.png", "cup_mask.png"),
        ("12:30?.png", "12_30_.png"),
        ("aux.svg", "_aux.svg"),
        ("CON", "_CON"),
        ("com1.txt", "_com1.txt"),
        ("console.txt", "console.txt"),
        ("dots...", "dots.._"),
        ("space ", "space_"),
        ("a\\b.png", "a_b.png"),
        ("", "_"),
    ],
)
def test_a_portable_name_can_be_written_anywhere(name, portable):
    assert portable_name(name) == portable


@given(st.text(min_size=1))
def test_a_portable_name_is_one_part_and_stays(name):
    once = portable_name(name)
    assert portable_name(once) == once and not set(once) & set('<>:"/\\|?*') and once[-1] not in ". "


def test_on_windows_results_have_names_that_it_can_hold(tmp_path, monkeypatch):
    monkeypatch.setattr(file_names, "ON_WINDOWS", True)
    found = Instances.from_masks(np.ones((1, 4, 4), bool), image_name="aux.jpg")
    [path] = formats.write(found, str(tmp_path), ["svg"])
    assert path.name == "_aux.svg" and formats.FORMATS["svg"].files_there(tmp_path, "aux") == [path]


def test_results_of_images_whose_names_differ_in_accents_or_case_alone_lie_apart():
    for names in (("caf\u00e9.jpg", "cafe\u0301.png"), ("A.jpg", "a.png"), ("Stra\u00dfe.jpg", "STRASSE.png")):
        images = [ImageFile(Path(name), Path(name)) for name in names]
        folders = [comparable_name(str(folder)) for folder in result_folders(images)]
        assert len(set(folders)) == 2
