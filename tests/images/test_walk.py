"""A walk finds each image once, and names what it passes over."""

import os
import unicodedata

import numpy as np
import pytest
import tifffile
from PIL import Image

from hqsam.formats.files import write_png
from hqsam.images.walk import describe_skipped, images_in, is_own_result

posix = pytest.mark.skipif(os.name != "posix", reason="links need rights elsewhere")


@pytest.fixture
def folder(tmp_path):
    for name in ("b.jpg", "a.PNG", "deep/er/c.tif", "notes.txt", "raw.nef", "._b.jpg", ".git/d.jpg", "e.heics"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "photos"


def names(found, folder):
    return [path.relative_to(folder).as_posix() for path in found.files]


def test_images_are_found_in_order_and_others_named(folder):
    found = images_in(folder)
    assert names(found, folder) == ["a.PNG", "b.jpg", "deep/er/c.tif"]
    assert describe_skipped(found.skipped) == [
        "left out: 1 x image of a kind that hqsam does not read (raw.nef); save it as PNG or TIFF",
        "left out: 1 x hidden folder (.git); name it to work on what is in it",
    ]
    assert names(images_in(folder / ".git"), folder) == [".git/d.jpg"]


def test_many_of_a_kind_are_counted_and_some_are_named(folder):
    for number in range(20):
        (folder / f"{number:02}.dng").touch()
    [line, _] = describe_skipped(images_in(folder).skipped)
    assert line.startswith("left out: 21 x image") and "(00.dng, 01.dng, 02.dng, ...)" in line


@posix
def test_links_are_followed_but_not_in_circles_nor_twice(folder, tmp_path):
    (tmp_path / "store" / "sub").mkdir(parents=True)
    (tmp_path / "store" / "sub" / "x.jpg").touch()
    (tmp_path / "store" / "back").symlink_to(tmp_path / "store")
    (folder / "far").symlink_to(tmp_path / "store")
    (folder / "near").symlink_to("deep")
    (folder / "up").symlink_to("..")
    (folder / "same.jpg").symlink_to("b.jpg")
    (folder / "lost.jpg").symlink_to("nothing.jpg")
    (folder / "self.jpg").symlink_to("self.jpg")
    found = images_in(folder)
    assert names(found, folder) == ["a.PNG", "b.jpg", "deep/er/c.tif", "far/sub/x.jpg", "same.jpg"]
    skipped = {reason: [path.name for path in paths] for reason, paths in found.skipped.items()}
    assert skipped == {
        "hidden": [".git"], "circle": ["back", "up"], "broken": ["lost.jpg", "self.jpg"], "unread": ["raw.nef"]
    }  # fmt: skip
    inside = images_in(folder, follow_out=False)
    assert "far/sub/x.jpg" not in names(inside, folder)
    assert [path.name for path in inside.skipped["outside"]] == ["far"]


@posix
def test_a_folder_that_may_not_be_opened_is_named(folder):
    if os.geteuid() == 0:
        pytest.skip("root may open everything")
    (folder / "deep").chmod(0)
    assert [path.name for path in images_in(folder).skipped["denied"]] == ["deep"]
    (folder / "deep").chmod(0o755)


def test_own_results_are_known_by_what_is_in_them(tmp_path):
    pixels = np.zeros((9, 9, 3), np.uint8)
    for name in ("cat_mask.png", "cat_mask_02.png", "cat_overlay.png", "cat_cutout_11.png", "cat_labels.png"):
        assert is_own_result(write_png(tmp_path / name, pixels))
        Image.fromarray(pixels).save(tmp_path / name)
        assert not is_own_result(tmp_path / name)
    tifffile.imwrite(tmp_path / "cat_labels.tif", pixels[..., 0], software="hqsam")
    assert is_own_result(tmp_path / "cat_labels.tif")
    assert not is_own_result(write_png(tmp_path / "cat.png", pixels))  # a name that results do not have
    assert not is_own_result(tmp_path / "gone_mask.png")
    assert len(images_in(tmp_path, skip_results=False).files) == 7


def test_accents_do_not_matter_to_a_folder_of_images_and_masks(tmp_path):
    from hqsam.data.open_dataset import open_datasets

    for kind, form in (("images", "NFC"), ("masks", "NFD")):
        (tmp_path / kind).mkdir()
        Image.new("L", (8, 8), 255).save(tmp_path / kind / f"{unicodedata.normalize(form, 'café')}.png")
    [dataset] = open_datasets(tmp_path).values()
    assert len(dataset) == 1


@posix
def test_a_pipe_among_the_images_is_named_and_never_opened(tmp_path):
    os.mkfifo(tmp_path / "camera.jpg")
    (tmp_path / "a.jpg").touch()
    found = images_in(tmp_path)
    assert names(found, tmp_path) == ["a.jpg"]
    assert describe_skipped(found.skipped) == ["left out: 1 x pipe, socket or device (camera.jpg)"]


def test_a_large_result_is_known_for_one(tmp_path, monkeypatch):
    path = tmp_path / "map_labels.tif"
    tifffile.imwrite(path, np.zeros((20, 30), np.uint32), software="hqsam")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert is_own_result(path)
