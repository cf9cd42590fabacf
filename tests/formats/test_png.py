import numpy as np
import pytest
from PIL import Image

from hqsam.errors import DataError, DataWarning
from hqsam.formats import label_map, png
from hqsam.formats.files import size_of_picture
from hqsam.formats.mask_images import read_mask
from tests.formats.samples import everything_of, named, trip, write

DISC = np.hypot(*(np.indices((20, 24)) - np.array([10, 12])[:, None, None])) < 7


def saved(array, folder, mode=None):
    path = folder / "mask.png"
    Image.fromarray(array, mode).save(path) if mode is None else Image.fromarray(array).convert(mode).save(path)
    return path


def palette(indices, colours, folder):
    image = Image.fromarray(indices.astype(np.uint8))
    image = image.copy()
    image.putpalette(np.array(colours, np.uint8).tobytes())
    image.save(folder / "mask.png")
    return folder / "mask.png"


@pytest.mark.parametrize(
    "array",
    [
        DISC * np.uint8(1),
        DISC * np.uint8(255),
        DISC * np.uint8(100),
        DISC * np.uint16(65535),
        DISC,
        np.repeat((DISC * np.uint8(255))[..., None], 3, axis=2),
        DISC[..., None] * np.array([200, 0, 0], np.uint8),
        np.dstack([np.full((20, 24, 3), 77, np.uint8), DISC * np.uint8(255)]),
        np.dstack([np.repeat((DISC * np.uint8(255))[..., None], 3, axis=2), np.full((20, 24), 255, np.uint8)]),
    ],
    ids=["0/1", "0/255", "0/100", "16 bits", "1 bit", "RGB", "red", "cutout", "RGB with a full alpha"],
)
def test_a_mask_is_read_however_it_was_written(array, tmp_path):
    assert np.array_equal(read_mask(saved(array, tmp_path)), DISC)


def test_a_mask_is_turned_upright_as_photos_are(tmp_path):
    picture, exif = Image.fromarray(DISC * np.uint8(255)), Image.Exif()
    exif[0x0112] = 6
    picture.save(tmp_path / "turned.png", exif=exif)
    assert np.array_equal(read_mask(tmp_path / "turned.png"), np.rot90(DISC, -1))


def test_a_soft_mask_is_cut_at_a_half(tmp_path):
    ramp = np.tile(np.arange(256, dtype=np.uint8), (2, 1))
    assert np.array_equal(read_mask(saved(ramp, tmp_path)), ramp > 127)


def test_a_coloured_palette_is_read_by_index(tmp_path):
    path = palette(DISC * 2, [(0, 0, 0), (128, 0, 0), (0, 128, 0)], tmp_path)
    assert np.array_equal(read_mask(path), DISC)


def test_a_black_and_white_palette_is_read_by_colour(tmp_path):
    path = palette(~DISC, [(255, 255, 255), (0, 0, 0)], tmp_path)
    assert np.array_equal(read_mask(path), DISC)


def test_a_jpeg_of_a_mask_is_read(tmp_path):
    path = tmp_path / "mask.jpg"
    Image.fromarray(DISC * np.uint8(255)).save(path, quality=95)
    assert (read_mask(path) ^ DISC).sum() <= 2


def test_a_map_of_numbered_objects_is_no_mask(tmp_path):
    with pytest.raises(DataError, match="label_map"):
        read_mask(saved(DISC + np.eye(20, 24).astype(np.uint8), tmp_path))


def test_nothing_and_everything_are_masks(tmp_path):
    assert not read_mask(saved(np.zeros((3, 4), np.uint8), tmp_path)).any()
    assert read_mask(saved(np.full((3, 4), 255, np.uint8), tmp_path)).all()
    assert read_mask(saved(np.ones((3, 4), np.uint8), tmp_path)).all()


def test_masks_are_0_and_255_and_as_large_as_the_photo(tmp_path):
    (path,) = write(png, named(DISC), tmp_path)
    with Image.open(path) as image:
        assert image.mode == "L" and image.size == (24, 20)
        assert set(np.unique(np.asarray(image)).tolist()) == {0, 255}


@pytest.mark.parametrize(("count", "depth"), [(3, np.uint8), (255, np.uint8), (256, np.uint16)])
def test_a_label_map_has_as_many_bits_as_it_needs(count, depth, tmp_path):
    pixels = [np.arange(20 * 24).reshape(20, 24) == number for number in range(count)]
    instances = named(*pixels, image_name="a.jpg")
    (path,) = write(label_map, instances, tmp_path)
    with Image.open(path) as image:
        labels = np.asarray(image)
    assert labels.dtype == depth
    assert labels.ravel()[:count].tolist() == list(range(1, count + 1))
    assert everything_of(trip(label_map, instances, tmp_path))[1:] == everything_of(instances)[1:]


def test_label_maps_of_others_are_read_by_value(tmp_path):
    numbers = DISC.astype(np.uint8) * 7
    numbers[0, 0] = 200
    (instances,) = label_map.read(saved(numbers, tmp_path))
    assert instances.areas.tolist() == [DISC.sum(), 1]
    (instances,) = label_map.read(palette(DISC * 2, [(0, 0, 0), (128, 0, 0), (0, 128, 0)], tmp_path))
    assert instances.areas.tolist() == [DISC.sum()]


def test_a_photo_is_no_label_map(tmp_path):
    with pytest.raises(DataError, match="as a photo has"):
        label_map.read(saved(np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8), tmp_path))


def test_a_map_in_colours_has_an_object_for_each(tmp_path):
    colours = np.zeros((20, 24, 3), np.uint8)
    colours[2:8, 2:9], colours[10:19, 3:20] = (200, 30, 90), (0, 90, 200)
    (instances,) = label_map.read(saved(colours, tmp_path))
    assert instances.areas.tolist() == [9 * 17, 6 * 7]


def test_what_is_void_in_a_map_of_others_is_no_object_and_in_ours_every_number_is_one(tmp_path):
    numbers = np.zeros((20, 24), np.uint8)
    numbers[2:8, 2:9], numbers[10:19, 3:20] = 7, 255
    with pytest.warns(DataWarning, match="1 left out: pixels of void"):
        assert len(label_map.read(saved(numbers, tmp_path))[0]) == 1
    pixels = [np.arange(20 * 24).reshape(20, 24) == min(number, 253) for number in range(255)]
    (ours,) = label_map.read(write(label_map, named(*pixels), tmp_path)[0])
    assert ours.areas.tolist() == [1] * 254 + [0]


@pytest.mark.parametrize("content", [None, b"", b"no picture"])
def test_what_cannot_be_read_is_told_once(tmp_path, content):
    if content is not None:
        (tmp_path / "a.png").write_bytes(content)
    for read in (png.read, size_of_picture):
        with pytest.raises(DataError) as raised:
            read(tmp_path / "a.png")
        assert str(raised.value).count(str(tmp_path / "a.png")) == 1
