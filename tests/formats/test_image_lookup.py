"""Images by the names that other tools have for them; never a file outside of the folder."""

import unicodedata

import pytest
from PIL import Image

from hqsam.formats.image_lookup import ImageLookup, NameIndex, local_name


def folder_with(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 3)).save(folder / name)
    return folder


@pytest.mark.parametrize(
    "name",
    [
        "scene.jpg",
        "images/scene.jpg",
        "images\\scene.jpg",
        "..\\..\\label-studio\\media\\upload\\4\\scene.jpg",
        "/data/upload/4/scene.jpg",
        "C:\\Users\\me\\scene.jpg",
        "https://example.org/media/scene.jpg?size=2#top",
        "s3://bucket/images/scene.jpg",
        "file:///home/me/scene.jpg",
        "/data/local-files/?d=images/scene.jpg",
        "8f3a2b1c-scene.jpg",
        "./images//scene.jpg",
        "SCENE.JPG",
    ],
)
def test_an_image_is_found_by_the_name_that_any_tool_has_for_it(name, tmp_path):
    folder_with(tmp_path, "images/scene.jpg")
    assert ImageLookup([tmp_path]).find(name) == tmp_path / "images/scene.jpg"
    assert NameIndex(["images/scene.jpg"]).find(name) == "images/scene.jpg"


@pytest.mark.parametrize(("name", "there"), [("my%20photo.jpg", "my photo.jpg"), ("a%20b.jpg", "a%20b.jpg")])
def test_escapes_are_resolved_where_there_is_no_file_of_the_name_itself(name, there, tmp_path):
    assert ImageLookup([folder_with(tmp_path, there)]).find(name) == tmp_path / there


def test_accents_may_be_composed_or_not(tmp_path):
    composed = unicodedata.normalize("NFC", "Bär.jpg")
    folder_with(tmp_path, composed)
    assert ImageLookup([tmp_path]).find(unicodedata.normalize("NFD", composed)) == tmp_path / composed


def test_the_longest_part_of_a_name_that_agrees_decides_and_a_doubt_finds_nothing(tmp_path):
    folder_with(tmp_path, "images/a/1.jpg", "images/b/1.jpg")
    lookup, index = ImageLookup([tmp_path]), NameIndex(["a/1.jpg", "b/1.jpg", "1.JPG"])
    assert lookup.find("x/b/1.jpg") == tmp_path / "images/b/1.jpg"
    assert index.find("x\\b\\1.jpg") == "b/1.jpg"
    assert lookup.find("1.jpg") is None and index.find("c/1.jpg") is None
    assert index.find("1.JPG") == "1.JPG"


@pytest.mark.parametrize(
    "name", ["../secret.jpg", "../../secret.jpg", "{outside}/secret.jpg", "images/../../secret.jpg", "~/secret.jpg"]
)
def test_no_name_leads_out_of_the_folder(name, tmp_path):
    folder_with(tmp_path, "secret.jpg", "set/scene.jpg")
    assert ImageLookup([tmp_path / "set"]).find(name.format(outside=tmp_path)) is None


@pytest.mark.parametrize("name", ["", ".", "..", "/", "a\0b.jpg", "x" * 5000, "?", "https://", "\\"])
def test_what_is_no_name_finds_nothing(name, tmp_path):
    assert ImageLookup([folder_with(tmp_path, "scene.jpg")]).find(name) is None
    assert not local_name(name).startswith(("/", "."))


def test_without_a_folder_nothing_is_found(tmp_path):
    assert ImageLookup([tmp_path / "nowhere"]).find("scene.jpg") is None
