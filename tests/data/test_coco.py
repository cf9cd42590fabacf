"""Annotations of COCO and LVIS, made by hand and by our own writer."""

import json

import numpy as np
import pytest

from hqsam.data.check import check_datasets
from hqsam.data.coco import open_coco
from hqsam.data.open_dataset import open_dataset, open_datasets
from hqsam.errors import DataError
from hqsam.formats import coco as coco_format
from hqsam.masks import rle
from hqsam.masks.instances import Instances
from tests.data.drawn import SIZE_HW, photo

HEIGHT, WIDTH = SIZE_HW
SQUARE = [[2, 3, 12, 3, 12, 13, 2, 13]]
"""As a polygon, which covers rows 3 to 12 and columns 2 to 11."""


def bar(columns: slice) -> np.ndarray:
    mask = np.zeros(SIZE_HW, bool)
    mask[5:20, columns] = True
    return mask


def uncompressed(mask: np.ndarray) -> dict:
    return {"size": list(SIZE_HW), "counts": rle.run_lengths(rle.encode(mask)["counts"]).tolist()}


def annotation(segmentation, image_id=7, **more) -> dict:
    return {"id": 1, "image_id": image_id, "category_id": 1, "segmentation": segmentation, **more}


def write(folder, annotations, images=None, name="instances_val2017.json"):
    images = images or [{"id": 7, "file_name": "a.jpg", "height": HEIGHT, "width": WIDTH}]
    path = folder / "annotations" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": []}))
    return path


def issues(found) -> dict[str, str]:
    return {one.kind: one.detail for one in check_datasets({found.name: found}).issues}


def test_polygons_and_run_lengths_of_both_kinds_are_objects_and_crowds_are_not(tmp_path):
    photo(tmp_path / "val2017" / "a.jpg")
    segmentations = [SQUARE, rle.encode(bar(slice(14, 18))), uncompressed(bar(slice(20, 24)))]
    crowd = annotation(uncompressed(bar(slice(28, 30))), iscrowd=1)
    found = open_coco(write(tmp_path, [*map(annotation, segmentations), crowd]))
    assert "1 crowds" in found.about
    sample = found[0]
    assert sample.object_ids == [1, 2, 3]
    square = np.zeros(SIZE_HW, bool)
    square[3:13, 2:12] = True
    for number, mask in enumerate([square, bar(slice(14, 18)), bar(slice(20, 24))], start=1):
        assert (sample.mask(number) == mask).all()


def test_a_large_object_under_a_small_one_keeps_all_its_pixels(tmp_path):
    photo(tmp_path / "images" / "a.jpg")
    small, large = bar(slice(8, 10)), bar(slice(4, 20))
    found = open_coco(write(tmp_path, [annotation(rle.encode(small)), annotation(rle.encode(large))]))
    sample = found[0]
    assert (sample.labels == np.where(small, 1, large * 2)).all()
    assert (sample.mask(2) == large).all()
    assert sample.areas == {1: small.sum(), 2: large.sum()}


def test_whole_masks_are_scaled_with_their_photo(tmp_path):
    photo(tmp_path / "a.jpg")
    path = write(tmp_path, [annotation(rle.encode(bar(slice(8, 10)))), annotation(rle.encode(bar(slice(4, 20))))])
    sample = open_dataset(path, longest_side=16)[0]
    assert sample.mask(2).shape == sample.image.shape[:2] == (12, 16)
    assert (sample.mask(2) == bar(slice(4, 20))[::2, ::2]).all()


def test_lvis_names_its_photos_by_address(tmp_path):
    photo(tmp_path / "train2017" / "000000000009.jpg")
    address = "http://images.cocodataset.org/train2017/000000000009.jpg"
    images = [{"id": 7, "coco_url": address, "height": HEIGHT, "width": WIDTH}]
    found = open_coco(write(tmp_path, [annotation(SQUARE)], images, "lvis_v1_val.json"))
    assert found.names == ["lvis_v1_val/train2017/000000000009.jpg"]
    assert found[0].object_ids == [1]


def test_what_our_writer_writes_comes_back_pixel_for_pixel(tmp_path):
    random = np.random.default_rng(0)
    objects = [random.random(SIZE_HW) > 0.7 for _ in range(4)]
    images = [Instances.from_masks(objects, SIZE_HW, image_name="a.jpg")]
    photo(tmp_path / "a.jpg")
    found = open_dataset(coco_format.write_dataset(images, tmp_path / "all.json"))
    assert all((found[0].mask(number) == mask).all() for number, mask in enumerate(objects, start=1))


def test_a_folder_with_one_annotation_file_is_a_set_and_with_two_asks_which(tmp_path):
    photo(tmp_path / "sea" / "a.jpg")
    write(tmp_path / "sea", [annotation(SQUARE)])
    assert list(open_datasets(tmp_path)) == list(open_datasets(tmp_path / "sea")) == ["sea"]
    write(tmp_path / "sea", [annotation(SQUARE)], name="instances_train2017.json")
    with pytest.raises(DataError, match="2 annotation files"):
        open_datasets(tmp_path / "sea")


@pytest.mark.parametrize(
    "broken",
    [
        {"size": [HEIGHT, WIDTH], "counts": [3, 4]},
        {"size": [WIDTH, HEIGHT], "counts": uncompressed(bar(slice(4, 8)))["counts"]},
        [[1, 2, 3, 4, 5, 6, 7]],
        "nonsense",
        [[1, 1, 2, 2]],
    ],
)
def test_an_annotation_without_a_usable_mask_is_passed_over_and_said(broken, tmp_path):
    photo(tmp_path / "a.jpg")
    found = open_coco(write(tmp_path, [annotation(SQUARE), annotation(broken)]))
    assert found[0].object_ids == [1]
    assert list(issues(found)) == ["skipped_objects"]
    alone = open_coco(write(tmp_path, [annotation(broken)]))
    assert "no_objects" in issues(alone)
    with pytest.raises(DataError, match="no annotation with a usable mask"):
        alone[0]


def test_photos_of_another_size_missing_and_listed_twice_are_found(tmp_path):
    images = [{"id": n, "file_name": f"{n % 4}.jpg", "height": HEIGHT, "width": WIDTH} for n in range(5)]
    photo(tmp_path / "0.jpg"), photo(tmp_path / "1.jpg", (30, 30)), photo(tmp_path / "2.jpg")
    found = open_coco(write(tmp_path, [annotation(SQUARE, n) for n in range(5)], images))
    said = issues(found)
    assert {"doubled", "other_size", "no_image"} == set(said)
    assert "30 x 30" in said["other_size"] and f"{WIDTH} x {HEIGHT}" in said["other_size"]
    with pytest.raises(DataError, match="30 x 30"):
        found[0]


def test_files_that_are_not_as_coco_has_them_are_errors_that_say_what_is_missing(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"images": [{"id": 1}], "annotations": []}')
    with pytest.raises(DataError, match="none has an annotation"):
        open_coco(path)
    path.write_text('{"annotations": []}')
    with pytest.raises(DataError, match="expected the lists images"):
        open_coco(path)
    with pytest.raises(
        DataError, match=r"none has an annotation.*1 left out: annotations of images that are not listed"
    ):
        open_coco(write(tmp_path, [annotation(SQUARE, image_id=8)]))
    with pytest.raises(DataError, match=r"none of the images.*a\.jpg; looked in"):
        open_coco(write(tmp_path, [annotation(SQUARE)]))
