"""However masks are stored, the same objects come out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from hqsam.errors import DataError
from hqsam.formats import label_map, png
from hqsam.formats.mask_images import (
    guess_encoding,
    labels_of,
    majority_encoding,
    read_labels,
    read_levels,
    read_mask,
    values_of,
)
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


def shuffled(labels: np.ndarray, order: list[int], colours: np.ndarray = COLOURS) -> Image.Image:
    """A palette in which colour k has the index order[k]."""
    table = np.full((256, 3), 77, np.uint8)
    table[order] = colours
    return palette(np.array(order)[labels], table)


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


@pytest.mark.parametrize("order", [[2, 0, 1, 3], [200, 17, 255, 3], [255, 0, 254, 1]])
def test_black_is_nobody_s_whatever_its_index_in_a_palette(order, tmp_path):
    path = write(shuffled(THREE, order), tmp_path)
    assert guess_encoding(read_levels(path)) == "labels"
    found = read_labels(path, "labels")
    assert all(len(np.unique(found[k == THREE])) == 1 for k in range(4))
    assert len(np.unique(found)) == 4 and (found[THREE == 0] == 0).all()


def test_what_is_clear_in_a_palette_is_nobody_s(tmp_path):
    image = shuffled(THREE, [3, 0, 1, 2], np.array([[9, 9, 9], [200, 0, 0], [0, 200, 0], [0, 0, 200]], np.uint8))
    image.save(tmp_path / "clear.png", transparency=3)
    assert ((read_labels(tmp_path / "clear.png", "labels") == 0) == (THREE == 0)).all()


def test_frames_of_one_file_are_refused_as_pages_are(tmp_path):
    frames = [Image.fromarray((k == THREE).astype(np.uint8) * 255) for k in (1, 2, 3)]
    for name in ("masks.png", "masks.gif", "masks.webp"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        with pytest.raises(DataError, match="3 pages of one size"):
            read_levels(tmp_path / name)


def test_255_is_nobody_s_in_a_palette_with_other_objects(tmp_path):
    void = THREE.astype(np.uint8)
    void[0] = 255
    assert (read_labels(write(palette(void, np.arange(768).reshape(256, 3) % 251), tmp_path), "labels") == THREE).all()


def squares(*values: int, side: int = 6, dtype=np.uint8) -> np.ndarray:
    """A row of squares of these values with zeros between them."""
    levels = np.zeros((side + 2, (side + 2) * len(values)), dtype)
    for place, value in enumerate(values):
        levels[1:-1, place * (side + 2) + 1 : (place + 1) * (side + 2) - 1] = value
    return levels


NUMBERED = {
    "ids above 127": (squares(3, 130, 200), [3, 130, 200]),
    "ids up to 250": (squares(5, 250), [5, 250]),
    "ids up to 254 and 255": (squares(253, 254, 255), [253, 254, 255]),
    "16 bits": (squares(1, 300, 65535, dtype=np.uint16), [1, 300, 65535]),
    "spread for the eye": (squares(85, 170, 255), [85, 170, 255]),
    "shades": (squares(64, 128, 255), [64, 128, 255]),
    "thin lines": (
        np.repeat(squares(1, 2, 0, side=16)[2:3] + np.uint8(0), 40, axis=0)
        * (np.arange(40) % 9 == 4)[:, None].astype(np.uint8),
        [1, 2],
    ),
    "two, spread for the eye": (squares(127, 255), [127, 255]),
    "void in grey": (squares(1, 2, 255), [1, 2]),
    "one object with void": (squares(1, 255), [1]),
}


@pytest.mark.parametrize("name", NUMBERED)
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_no_number_of_a_label_map_is_lost_and_void_is_nobody_s(name, suffix, tmp_path):
    levels, expected = NUMBERED[name]
    path = write(Image.fromarray(levels), tmp_path, suffix)
    assert guess_encoding(read_levels(path)) == "labels"
    assert [number for number in values_of(read_labels(path, "labels")).tolist() if number] == expected
    with pytest.raises(DataError, match="looks like a map of numbered objects"):
        read_mask(path)


COLOURED = {
    "RGB": np.stack([squares(200, 0, 30), squares(0, 10, 60), squares(0, 250, 90)], axis=2),
    "small numbers in red": np.stack([squares(1, 2, 9), *[squares(0, 0, 0)] * 2], axis=2),
    "numbers in red and green": np.stack([squares(1, 0, 2), squares(0, 1, 1), squares(0, 0, 0)], axis=2),
    "colours on nothing": np.stack(
        [squares(200, 0, 30), squares(0, 10, 60), squares(0, 250, 90), squares(255, 255, 255)], axis=2
    ),
}


@pytest.mark.parametrize("name", COLOURED)
def test_each_colour_is_an_object_and_none_is_merged_into_one_mask(name, tmp_path):
    path = write(Image.fromarray(COLOURED[name]), tmp_path)
    assert guess_encoding(read_levels(path)) == "colours"
    found = read_labels(path, "colours")
    assert [np.count_nonzero(found == number) for number in values_of(found) if number] == [36, 36, 36]
    with pytest.raises(DataError, match="3 colours beside 0"):
        read_mask(path)


def test_the_colour_of_voc_s_borders_is_nobody_s(tmp_path):
    rgb = np.stack([squares(128, 0, 224), squares(0, 128, 224), squares(0, 0, 192)], axis=2)
    found = read_labels(write(Image.fromarray(rgb), tmp_path), "colours")
    assert np.count_nonzero(found) == 72


@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.float64])
def test_tiffs_of_64_bits_are_read(dtype, tmp_path):
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "map.tif", squares(1, 2, 70).astype(dtype))
    assert values_of(read_labels(tmp_path / "map.tif", "labels")).tolist() == [0, 1, 2, 70]
    tifffile.imwrite(tmp_path / "stack.tif", np.zeros((4, 6, 8), dtype), photometric="minisblack")
    with pytest.raises(DataError, match="one number a pixel"):
        read_levels(tmp_path / "stack.tif")


def test_a_stack_of_masks_is_refused_in_words_and_a_smaller_copy_of_the_mask_is_none(tmp_path):
    first, second = (Image.fromarray(squares(value)) for value in (1, 2))
    first.save(tmp_path / "stack.tif", save_all=True, append_images=[second])
    with pytest.raises(DataError, match="2 pages of one size"):
        read_levels(tmp_path / "stack.tif")
    first.save(tmp_path / "overview.tif", save_all=True, append_images=[first.resize((4, 4))])
    assert values_of(read_levels(tmp_path / "overview.tif")).tolist() == [0, 1]


def test_numbers_that_were_saved_as_jpeg_and_grey_photos_are_refused_in_words(tmp_path):
    path = write(Image.fromarray(squares(60, 120, 180, side=20)), tmp_path, ".jpg")
    with pytest.raises(DataError, match="JPEG, which changes numbers"):
        read_mask(path)
    photo = np.random.default_rng(0).integers(0, 200, (60, 60), np.uint8)
    with pytest.raises(DataError, match="as a photo has"):
        read_labels(write(Image.fromarray(photo), tmp_path), "labels")


def test_a_palette_with_one_colour_for_several_objects_keeps_them_apart(tmp_path):
    path = write(palette(THREE, np.array([[0, 0, 0], *[[255, 255, 255]] * 3], np.uint8)), tmp_path)
    assert (read_labels(path, guess_encoding(read_levels(path))) == THREE).all()


def test_a_map_that_was_saved_as_jpeg_is_refused_in_words(tmp_path):
    path = write(Image.fromarray(np.kron(COLOURED["RGB"], np.ones((3, 3, 1), np.uint8))), tmp_path, ".jpg")
    with pytest.raises(DataError, match="JPEG; save maps as PNG"):
        read_labels(path, "colours")


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


@pytest.mark.parametrize("dtype", [np.int64, np.float64, np.float16])
def test_label_maps_that_pillow_does_not_read_are_read_by_all_readers(dtype, tmp_path):
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "map.tif", THREE.astype(dtype))
    tifffile.imwrite(tmp_path / "mask.tif", ONE.astype(dtype))
    (found,) = label_map.read(tmp_path / "map.tif")
    assert all((found.mask(k) == (k + 1 == THREE)).all() for k in range(3)) and len(found) == 3
    assert len(label_map.read_any(tmp_path / "map.tif")[0]) == 3
    (found,) = png.read(tmp_path / "mask.tif")
    assert (found.mask(0) == ONE).all()
