"""However masks are stored, the same objects come out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from hqsam.data.mask_images import guess_encoding, labels_of, majority_encoding, read_labels, read_levels, values_of
from hqsam.errors import DataError
from tests.data.drawn import labels

ONE, THREE = labels(1) > 0, labels(3)
COLOURS = np.array([[0, 0, 0], [0, 0, 128], [0, 128, 0], [128, 0, 0]], np.uint8)
"""From the darkest number to the brightest."""


def palette(indices: np.ndarray, colours: np.ndarray) -> Image.Image:
    image = Image.fromarray(indices.astype(np.uint8), "P")
    image.putpalette(np.concatenate([colours.reshape(-1), np.zeros(768 - colours.size, np.uint8)]).tolist())
    return image


def with_alpha(mask: np.ndarray) -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (*mask.shape, 3), np.uint8)
    return Image.fromarray(np.dstack([noise, mask.astype(np.uint8) * 255]))


def soft(mask: np.ndarray) -> np.ndarray:
    blurred = mask.astype(float)
    blurred[:, 1:-1] = 0.25 * blurred[:, :-2] + 0.5 * blurred[:, 1:-1] + 0.25 * blurred[:, 2:]
    return np.rint(blurred * 255).astype(np.uint8)


WAYS_OF_ONE = {
    "0/1": Image.fromarray(ONE.astype(np.uint8)),
    "0/255": Image.fromarray(ONE.astype(np.uint8) * 255),
    "0/38": Image.fromarray(ONE.astype(np.uint8) * 38),
    "1 bit": Image.fromarray(ONE),
    "16 bits": Image.fromarray(ONE.astype(np.uint16) * 65535),
    "grey edges": Image.fromarray(soft(ONE)),
    "RGB": Image.fromarray(np.repeat(ONE[..., None] * np.uint8(255), 3, axis=2)),
    "red on black": Image.fromarray(ONE[..., None] * np.array([200, 0, 0], np.uint8)),
    "palette": palette(ONE, COLOURS),
    "black and white palette": palette(ONE, np.array([[0, 0, 0], [255, 255, 255]], np.uint8)),
    "a palette the other way round": palette(~ONE, np.array([[255, 255, 255], [0, 0, 0]], np.uint8)),
    "cutout": with_alpha(ONE),
    "floats": Image.fromarray(ONE.astype(np.float32)),
}

WAYS_OF_THREE = {
    "8 bits": Image.fromarray(THREE.astype(np.uint8)),
    "16 bits": Image.fromarray(THREE),
    "32 bits": Image.fromarray(THREE.astype(np.int32)),
    "palette": palette(THREE, COLOURS),
    "colours": Image.fromarray(COLOURS[THREE]),
    "colours with alpha": Image.fromarray(np.dstack([COLOURS[THREE], np.full(THREE.shape, 255, np.uint8)])),
}


def write(image: Image.Image, folder, suffix: str | None = None):
    path = folder / f"mask{suffix or ('.tif' if image.mode in 'IF' else '.png')}"
    image.save(path)
    return path


@pytest.mark.parametrize("way", WAYS_OF_ONE)
def test_one_object_is_the_same_however_it_is_stored(way, tmp_path):
    path = write(WAYS_OF_ONE[way], tmp_path)
    assert guess_encoding(read_levels(path)) == "binary"
    assert (read_labels(path, "binary") == ONE).all()


def test_a_mask_that_was_a_jpeg_is_cut_at_half(tmp_path):
    path = write(Image.fromarray(ONE.astype(np.uint8) * 255), tmp_path, ".jpg")
    assert len(np.unique(read_levels(path))) > 2
    assert guess_encoding(read_levels(path)) == "binary"
    assert (read_labels(path, "binary") == ONE).all()


@pytest.mark.parametrize("way", WAYS_OF_THREE)
def test_three_objects_are_the_same_however_they_are_stored(way, tmp_path):
    path = write(WAYS_OF_THREE[way], tmp_path)
    encoding = guess_encoding(read_levels(path))
    assert encoding == ("colours" if way.startswith("colours") else "labels")
    found = read_labels(path, encoding)
    numbers = [number for number in np.unique(found) if number]
    assert len(numbers) == 3
    assert all(((found == number) == (labels(3) == k)).all() for k, number in enumerate(numbers, start=1))


def test_255_is_nobody_s_in_a_palette_with_other_objects(tmp_path):
    void = THREE.astype(np.uint8)
    void[0] = 255
    assert (read_labels(write(palette(void, np.arange(768).reshape(256, 3) % 251), tmp_path), "labels") == THREE).all()


def test_numbers_beyond_16_bits_are_counted_anew(tmp_path):
    path = write(Image.fromarray(THREE.astype(np.int32) * 100_000), tmp_path)
    assert (read_labels(path, "labels") == THREE).all()


@given(arrays(np.uint16, st.tuples(st.integers(1, 8), st.integers(1, 8))))
def test_a_label_map_of_16_bits_comes_back_as_it_is(tmp_path_factory, numbers):
    path = write(Image.fromarray(numbers), tmp_path_factory.mktemp("map"))
    assert (read_labels(path, "labels") == numbers).all()


def test_objects_numbered_in_bright_greys_are_no_grey_edges():
    assert guess_encoding((labels(5) * 51).astype(np.uint8)) == "labels"


def test_an_empty_mask_tells_nothing_about_its_set():
    assert guess_encoding(np.zeros((4, 4), np.uint8)) is None
    assert majority_encoding([None, None]) == "binary"


def test_a_tenth_of_masks_with_several_objects_makes_a_set_of_label_maps():
    assert majority_encoding(["binary"] * 9 + ["labels"]) == "labels"
    assert majority_encoding(["binary"] * 19 + ["labels"]) == "binary"
    assert majority_encoding(["binary", "labels", "colours", "colours", None]) == "colours"


def test_fractions_and_missing_files_are_refused_by_name(tmp_path):
    with pytest.raises(DataError, match=r"mask\.tif.*fractions"):
        read_labels(write(Image.fromarray(ONE.astype(np.float32) / 3), tmp_path), "labels")
    with pytest.raises(DataError, match=r"none\.png"):
        read_labels(tmp_path / "none.png", "binary")


def test_a_photo_is_no_map_of_objects(tmp_path):
    with pytest.raises(DataError, match="photo"):
        noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3))
        labels_of(noise, "colours", tmp_path / "noise.png")


@given(arrays(st.sampled_from([np.uint8, np.uint16, np.int32]), st.tuples(st.integers(1, 8), st.integers(1, 8))))
def test_the_fast_list_of_values_is_numpy_s(numbers):
    assert values_of(numbers).tolist() == np.unique(numbers).tolist()
    assert values_of(numbers.T).tolist() == np.unique(numbers).tolist()
