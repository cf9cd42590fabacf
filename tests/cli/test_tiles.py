import json

import numpy as np
import pytest
import tifffile
from PIL import Image

from hqsam.formats import coco


@pytest.fixture
def tiles(hqsam, photos, tiny_file):
    """Run `hqsam tiles` in a folder of photos, with a tiny model on the CPU that finds whatever it is asked about."""

    def run(*words):
        model = ("--model", tiny_file, "--device", "cpu", "--precision", "float32")
        easy = ("--points-per-side", "2", "--min-score", "-9", "--min-stability", "0")
        return hqsam("tiles", *words, *model, *easy)

    return run


def test_a_photo_gives_a_label_map_and_coco_records(tiles, photos):
    finished = tiles("cat.jpg", "--tile", "200", "--json")
    assert finished.code == 0
    record = json.loads(finished.out)
    [found] = coco.read(photos / "out" / "cat_coco.json")
    with Image.open("cat.jpg") as photo:
        width, height = photo.size
    assert found.image_size_hw == (height, width) == tifffile.imread(photos / "out" / "cat_labels.tif").shape
    assert len(found) == record["count"] == np.unique(tifffile.imread(record["files"][0])).max()


def test_a_wrong_tile_is_told_as_wrong_use(tiles):
    finished = tiles("cat.jpg", "--tile", "9")
    assert finished.code == 2 and "too small" in finished.err


def test_a_file_that_is_no_photo_fails_alone(tiles, photos):
    (photos / "bad.tif").write_bytes(b"II*")
    finished = tiles("bad.tif", "cat.jpg", "--tile", "300")
    assert finished.code == 1 and "bad.tif" in finished.err and (photos / "out" / "cat_labels.tif").exists()


def test_the_label_map_of_a_geotiff_lies_where_the_image_does(tiles, photos):
    place = {33550: (1.0, 1.0, 0.0), 33922: (0.0, 0.0, 0.0, 5e5, 4e6, 0.0), 34735: (1, 1, 0, 1, 1024, 0, 1, 1)}
    with Image.open("cat.jpg") as image:
        pixels = np.asarray(image)
    tags = [(code, 3 if code == 34735 else 12, len(value), value, True) for code, value in place.items()]
    tifffile.imwrite(photos / "map.tif", pixels, photometric="rgb", extratags=tags)
    finished = tiles("map.tif", "--tile", "300")
    assert finished.code == 0 and "place on Earth" not in finished.err
    with tifffile.TiffFile(photos / "out" / "map_labels.tif") as written:
        assert {code: written.pages[0].tags.valueof(code) for code in place} == place


def test_a_page_of_a_stack_can_be_chosen(tiles, photos):
    tifffile.imwrite(photos / "stack.tif", np.zeros((3, 150, 160), np.uint8), photometric="minisblack")
    assert "page 1 of 3" in tiles("stack.tif", "--tile", "160").err
    assert "page" not in tiles("stack.tif", "--tile", "160", "--page", 2).err
