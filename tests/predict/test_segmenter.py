"""A model opens images, one or many."""

import numpy as np
import pytest
import torch
from PIL import Image

import hqsam
from hqsam.errors import ImageError, OptionError
from tests.nano import nano_file
from tests.tiny import tiny_segmenter


@pytest.fixture(scope="module")
def photos():
    random = np.random.default_rng(0)
    return [
        random.integers(0, 255, (height, width, 3), dtype=np.uint8) for height, width in ((40, 60), (60, 40), (9, 9))
    ]


def test_a_segmenter_says_what_it_is(tiny_segmenter):
    assert tiny_segmenter.name == tiny_segmenter.config.name == "vit_of_the_tests"
    assert tiny_segmenter.device == torch.device("cpu")


@pytest.mark.parametrize("kind", ["vit", "plain_tiny_vit"])
@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_many_opened_in_batches_are_each_opened_alone(photos, kind, batch_size):
    segmenter = tiny_segmenter(kind)
    sessions = list(segmenter.open_many(photos, batch_size=batch_size))
    assert len(sessions) == len(photos)
    for photo, session in zip(photos, sessions, strict=True):
        assert session.image_size_hw == photo.shape[:2]
        np.testing.assert_allclose(
            session.segment(box=(1, 1, 8, 8)).logits, segmenter.open(photo).segment(box=(1, 1, 8, 8)).logits, atol=1e-4
        )


def test_images_are_read_as_they_are_asked_for(photos, tiny_segmenter):
    read = []

    def one_by_one():
        for photo in photos:
            read.append(photo.shape)
            yield photo

    sessions = tiny_segmenter.open_many(one_by_one(), batch_size=1)
    next(sessions)
    assert len(read) == 1


def test_a_session_and_its_answers_know_the_name_of_the_photo(photos, tiny_segmenter, tmp_path):
    Image.fromarray(photos[0]).save(tmp_path / "cup.png")
    prompt = {"box": (1, 1, 8, 8)}
    with Image.open(tmp_path / "cup.png") as picture, (tmp_path / "cup.png").open("rb") as file:
        for source in (tmp_path / "cup.png", str(tmp_path / "cup.png"), picture, file):
            assert tiny_segmenter.open(source).segment(**prompt).image_name == "cup.png"
    assert tiny_segmenter.open(photos[0]).segment(**prompt).image_name == "image"


def test_a_batch_holds_at_least_one_image(photos, tiny_segmenter):
    with pytest.raises(OptionError, match="batch_size"):
        tiny_segmenter.open_many(photos, batch_size=0)


def test_a_photo_that_was_stored_turned_is_prompted_as_it_is_seen(photos, tiny_segmenter, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn by 90 degrees to show
    Image.fromarray(np.ascontiguousarray(np.rot90(photos[1]))).save(tmp_path / "turned.png", exif=exif)
    turned = tiny_segmenter.open(tmp_path / "turned.png")
    assert turned.image_size_hw == (60, 40)
    prompt = {"points": [(12, 50)], "labels": [1]}
    np.testing.assert_array_equal(
        turned.segment(**prompt).masks, tiny_segmenter.open(photos[1]).segment(**prompt).masks
    )


@pytest.mark.parametrize("size_hw", [(1, 1), (3, 20000), (20000, 3)])
def test_tiny_and_thin_images_can_be_prompted(tiny_segmenter, size_hw):
    session = tiny_segmenter.open(np.full((*size_hw, 3), 90, np.uint8))
    assert session.segment(points=[(0, 0)], labels=[1]).masks.shape == (1, *size_hw)
    assert session.segment(box=(0, 0, 1, 1)).masks.shape == (1, *size_hw)


def test_a_photo_of_108_million_pixels_can_be_prompted(tiny_segmenter):
    session = tiny_segmenter.open(np.broadcast_to(np.uint8(7), (9000, 12000, 3)))
    found = session.segment(box=(2000, 3000, 9000, 8000))
    assert found.masks.shape == (1, 9000, 12000)


def test_twenty_sessions_at_once_answer_in_turn_as_each_alone(tiny_segmenter):
    random = np.random.default_rng(1)
    photos = [random.integers(0, 255, (50 + row, 90 - row, 3), np.uint8) for row in range(20)]
    sessions = [tiny_segmenter.open(photo) for photo in photos]
    for x in (10, 40):
        for photo, session in zip(photos, sessions, strict=True):
            alone = tiny_segmenter.open(photo).segment(points=[(x, 20)], labels=[1])
            assert np.array_equal(session.segment(points=[(x, 20)], labels=[1]).logits, alone.logits)


def test_the_limit_on_pixels_is_passed_on(tiny_segmenter, tmp_path):
    Image.new("RGB", (60, 40)).save(tmp_path / "photo.png")
    with pytest.raises(ImageError, match="60 x 40"):
        tiny_segmenter.open(tmp_path / "photo.png", max_pixels=1000)


def test_a_device_of_torch_will_do(tmp_path):
    assert hqsam.load(nano_file(tmp_path), device=torch.device("cpu")).device == torch.device("cpu")


def test_what_cannot_be_loaded_is_refused_with_the_choices():
    with pytest.raises(OptionError, match="cpu"):
        hqsam.load("nano", device="abacus")
    with pytest.raises(OptionError, match="bfloat16"):
        hqsam.load("nano", device="cpu", precision="half")
    with pytest.raises(OptionError, match="torch"):
        hqsam.load("nano", backend="tensorrt")
    with pytest.raises(OptionError, match="vit_tiny"):
        hqsam.load("vit_enormous")
