"""The way back to an image's pixels."""

import gc
import io
import os

import numpy as np
import pytest
from PIL import Image

from hqsam.errors import ImageError
from hqsam.images.reading import read_image
from hqsam.predict import image_reference
from hqsam.predict.image_reference import ImageReference


@pytest.fixture
def photo():
    return np.random.default_rng(1).integers(0, 255, (30, 40, 3), dtype=np.uint8)


@pytest.fixture
def little_memory(monkeypatch):
    """Room for two photos."""
    monkeypatch.setattr(image_reference, "_LATEST", image_reference._Latest(2 * 30 * 40 * 3))


def remembered(image):
    return ImageReference(image, read_image(image))


def test_a_path_is_read_again_and_holds_no_memory(photo, tmp_path, little_memory):
    path = tmp_path / "photo.png"
    Image.fromarray(photo).save(path)
    way_back = remembered(path)
    assert way_back.kept is None
    np.testing.assert_array_equal(way_back.read(), photo)


def test_a_path_is_found_again_from_another_folder(photo, tmp_path, monkeypatch):
    Image.fromarray(photo).save(tmp_path / "photo.png")
    monkeypatch.chdir(tmp_path)
    way_back = remembered("photo.png")
    monkeypatch.chdir("/")
    np.testing.assert_array_equal(way_back.read(), photo)


def test_another_file_under_the_same_name_is_noticed(photo, tmp_path, little_memory):
    path = tmp_path / "photo.png"
    Image.fromarray(photo).save(path)
    way_back = remembered(path)
    Image.fromarray(255 - photo).save(path)
    os.utime(path, ns=(1, 1))
    with pytest.raises(ImageError, match=r"photo\.png has changed since it was opened"):
        way_back.read()


def test_a_file_that_is_gone_is_named(photo, tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(photo).save(path)
    way_back = remembered(path)
    path.unlink()
    with pytest.raises(ImageError, match="there is no such file"):
        way_back.read()


def test_an_array_that_its_owner_holds_is_found_however_many_are_open(photo, little_memory):
    arrays = [photo + number for number in np.arange(20, dtype=np.uint8)]
    ways_back = [remembered(array) for array in arrays]
    assert sum(way.kept is not None for way in ways_back) == 2
    for way, array in zip(ways_back, arrays, strict=True):
        assert way.read() is array


def test_an_array_that_nobody_holds_is_found_while_it_is_one_of_the_latest(photo, little_memory):
    first = remembered(photo.copy())
    np.testing.assert_array_equal(first.read(), photo)
    others = [remembered(photo.copy()) for _ in range(2)]
    with pytest.raises(ImageError, match="hold on to the array, or open the image by its path"):
        first.read()
    assert all(other.read() is not None for other in others)


def test_reading_makes_a_photo_one_of_the_latest(photo, little_memory):
    first, second = remembered(photo.copy()), remembered(photo.copy())
    first.read()
    third = remembered(photo.copy())
    assert [way.kept is not None for way in (first, second, third)] == [True, False, True]


def test_what_a_dropped_session_kept_goes_with_it(photo, little_memory):
    first, second = remembered(photo.copy()), remembered(photo.copy())
    del first
    gc.collect()
    third = remembered(photo.copy())
    assert second.kept is not None and third.kept is not None


def test_a_photo_larger_than_what_may_be_kept_is_not_kept(photo, little_memory):
    large = np.concatenate([photo] * 3)
    way_back = remembered(large)
    assert way_back.kept is None and way_back.read() is large


@pytest.mark.parametrize("kind", ["pil", "file", "gray", "list"])
def test_other_kinds_of_images_are_found_too(photo, kind, tmp_path):
    gray = photo[..., 0].copy()
    Image.fromarray(photo).save(buffer := io.BytesIO(), "png")
    image = {"pil": Image.fromarray(photo), "file": buffer, "gray": gray, "list": photo.tolist()}[kind]
    expected = np.repeat(gray[..., None], 3, axis=2) if kind == "gray" else photo
    np.testing.assert_array_equal(remembered(image).read(), expected)


def test_a_pil_image_and_an_open_file_can_be_read_a_second_time(photo, little_memory):
    Image.fromarray(photo).save(buffer := io.BytesIO(), "png")
    images = [Image.fromarray(photo), buffer]
    ways_back = [remembered(image) for image in images]
    _pushed_out = [remembered(photo.copy()) for _ in range(2)]
    for way in ways_back:
        assert way.kept is None
        np.testing.assert_array_equal(way.read(), photo)
