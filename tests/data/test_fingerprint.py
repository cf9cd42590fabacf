"""Fingerprints change with images and masks, and with nothing else."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from hqsam.data.open_dataset import open_datasets
from hqsam.errors import DataError
from hqsam.training.data_split import open_data_split
from hqsam.training.distributed import SingleProcess


@pytest.fixture
def folder(tmp_path):
    """A set of three images with masks, in a folder of its own."""
    place = tmp_path / "data" / "cups"
    for kind in ("images", "masks"):
        (place / kind).mkdir(parents=True)
    for number in range(3):
        Image.new("RGB", (40, 30), (number * 60, 9, 9)).save(place / "images" / f"{number}.png")
        draw(place, number, slice(5, 20))
    return place.parent


def draw(place, number, rows):
    mask = np.zeros((30, 40), np.uint8)
    mask[rows, 5:30] = 255
    Image.fromarray(mask).save(place / "masks" / f"{number}.png")


def of(path):
    return {name: one.fingerprint for name, one in open_datasets(path).items()}


def test_a_copy_has_the_same_and_a_changed_mask_or_image_another(folder, tmp_path):
    first = of(folder)
    shutil.copytree(folder, tmp_path / "moved")
    assert of(tmp_path / "moved") == first
    draw(folder / "cups", 1, slice(5, 21))
    assert of(folder) != first
    draw(folder / "cups", 1, slice(5, 20))
    assert of(folder) == first
    Image.new("RGB", (40, 30), (250, 3, 77)).save(folder / "cups" / "images" / "1.png", compress_level=0)
    assert of(folder) != first


def test_an_annotation_file_counts_with_all_that_is_in_it(folder):
    images = [{"id": 1, "file_name": "0.png", "width": 40, "height": 30}]
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "area": 81, "iscrowd": 0}
    seen = set()
    for right in (9, 12):
        outline = {"segmentation": [[0, 0, right, 0, right, 9, 0, 9]]}
        path = folder / "cups" / "images" / "coco.json"
        path.write_text(
            json.dumps({"images": images, "annotations": [box | outline], "categories": [{"id": 1, "name": "cup"}]})
        )
        seen |= set(of(path).values())
    assert len(seen) == 2


def test_where_no_image_can_be_used_the_reasons_are_counted_and_a_repair_helps(folder, tmp_path):
    masks = {path: path.read_bytes() for path in (folder / "cups" / "masks").iterdir()}
    for path in masks:
        Image.new("L", (40, 30)).save(path)
    with pytest.raises(DataError, match=r"the mask is empty: it marks no pixel \(3 x\).*hqsam data check"):
        open_data_split(folder, tmp_path / "run", SingleProcess())
    for path, data in masks.items():
        path.write_bytes(data)
    assert open_data_split(folder, tmp_path / "run", SingleProcess()).images == 3


def test_data_of_a_run_are_known_by_their_files(folder, tmp_path):
    first, again = (open_data_split(folder, tmp_path / name, SingleProcess()).fingerprint for name in "ab")
    draw(folder / "cups", 0, slice(5, 22))
    changed = open_data_split(folder, tmp_path / "c", SingleProcess()).fingerprint
    smaller = open_data_split(folder, tmp_path / "d", SingleProcess(), max_side=20).fingerprint
    assert first == again and len({first, changed, smaller}) == 3
