"""Photos without masks as data: what is taken, what is left out and told, and what a view of one is."""

import cv2
import numpy as np
import pytest

from hqsam.data.augment import AugmentConfig
from hqsam.data.photos import PhotoViews, open_photos
from hqsam.data.sample import Sample
from hqsam.errors import DataError, DataWarning
from hqsam.training.data_split import open_data_split
from hqsam.training.distributed import SingleProcess
from tests.training.small import write_photos


def write(path, seed=0, size_hw=(40, 60)):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.random.default_rng(seed).integers(0, 255, (*size_hw, 3), np.uint8))


def test_every_photo_in_a_folder_and_below_is_taken(tmp_path):
    for name in ("a.jpg", "b.png", "deep/er/a.jpg", "a.png.jpg"):
        write(tmp_path / "mine" / name)
    (found,) = open_photos(tmp_path / "mine").values()
    assert found.names == ["mine/a.jpg", "mine/a.png.jpg", "mine/b.png", "mine/deep/er/a.jpg"]
    assert found[0].image.shape == (40, 60, 3)


def test_masks_in_a_folder_of_their_own_are_left_out_and_told(tmp_path):
    with pytest.warns(DataWarning, match="left out: 4 x mask"):
        (found,) = open_photos(write_photos(tmp_path / "mine", 4)).values()
    assert found.names == [f"mine/images/{number}.png" for number in range(4)]


def test_masks_beside_their_photos_are_left_out_and_told(tmp_path):
    write(tmp_path / "a.jpg")
    write(tmp_path / "a.png")
    write(tmp_path / "b.jpg")
    with pytest.warns(DataWarning, match="left out: 1 x mask"):
        (found,) = open_photos(tmp_path).values()
    assert [item.image.name for item in found.items] == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize("make", ["nothing", "empty", "file", "text"])
def test_a_folder_without_photos_is_an_error_in_words(tmp_path, make):
    path = tmp_path / "mine"
    if make in ("empty", "text"):
        path.mkdir()
    if make == "text":
        (path / "thesis.txt").write_text("all of it")
    if make == "file":
        path.write_text("no folder")
    with pytest.raises(DataError, match=r"found no photos in|is not a folder"):
        open_photos(path)


def test_photos_that_cannot_be_read_are_left_out_and_some_are_held_out(tmp_path):
    for number in range(10):
        write(tmp_path / "mine" / f"{number}.jpg", number)
    (tmp_path / "mine" / "3.jpg").write_bytes(b"no photo")
    data = open_data_split(tmp_path / "mine", tmp_path / "run", SingleProcess(), hold_out=0.3, kind="photos")
    assert (data.images, len(data.validation)) == (6, 3)
    assert data.check.broken_names == {"mine/3.jpg"}


def test_a_view_is_always_the_same_and_shows_where_the_photo_is():
    grey = np.full((30, 60, 3), 10, np.uint8)
    photos = {"drawn": [Sample(grey, np.zeros((30, 60), np.uint16), str(number)) for number in range(3)]}
    views = PhotoViews(photos, 64, AugmentConfig(fit=1.0, turn=0, scale=(1, 1)), seed=1, rounds=2)
    assert len(views) == 6
    for number in range(6):
        view, again = views.view(number), views.view(number)
        assert np.array_equal(view.image, again.image)
        assert view.image.shape == (64, 64, 3) and view.masks.shape == (1, 64, 64)
        assert (view.masks[0] > 0).mean() == 0.5
        assert (view.image[view.masks[0] > 0] == 10).all()
