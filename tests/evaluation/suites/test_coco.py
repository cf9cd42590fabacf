import json

import numpy as np
import pytest

from hqsam.errors import DataError
from hqsam.evaluation.suites import find
from hqsam.masks.boundary import iou
from tests.evaluation.layouts import make, scene

FILE = "annotations/instances_val2017.json"


def edited(data, file, edit):
    path = data / file
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))
    return data


def test_masks_come_from_polygons_and_run_lengths_and_crowds_are_left_out(tmp_path):
    opened = find("coco").open(make("coco", tmp_path))
    first, second = opened.samples[0].targets()
    drawn = scene(1, (48, 65))
    assert iou(first.truth, drawn.masks[0]) > 0.85  # a polygon through pixel centres loses its rim
    assert np.array_equal(second.truth, drawn.masks[1])
    assert [target.about for target in (first, second)] == [{"category_id": 1}, {"category_id": 2}]
    assert opened.samples[0].about == {"image_id": 1} and opened.samples[0].size_hw == (48, 65)


def test_lvis_takes_its_photos_from_both_folders(tmp_path):
    folders = [sample.image.parent.name for sample in find("lvis").open(make("lvis", tmp_path)).samples]
    assert folders == ["val2017", "train2017", "train2017"]


def test_coco_annotations_are_not_those_of_lvis(tmp_path):
    data = make("lvis", tmp_path)
    edited(data, "annotations/lvis_v1_val.json", lambda content: content["images"][0].pop("neg_category_ids"))
    with pytest.raises(DataError, match=r"not as LVIS has it: images without neg_category_ids"):
        find("lvis").open(data)


def test_missing_photos_are_counted(tmp_path):
    data = make("coco", tmp_path)
    (data / "val2017/000000000002.jpg").unlink()
    with pytest.raises(DataError, match=r"1 of 3 images of COCO are not in .*val2017; the first: 000000000002.jpg"):
        find("coco").open(data)


@pytest.mark.parametrize("part", ["images", "annotations", "categories"])
def test_a_file_that_is_not_coco_is_refused(tmp_path, part):
    data = edited(make("coco", tmp_path), FILE, lambda content: content.pop(part))
    with pytest.raises(DataError, match=f"not as COCO has it: KeyError: '{part}'"):
        find("coco").open(data)


def test_an_annotation_of_an_image_that_is_not_listed_is_refused(tmp_path):
    data = edited(make("coco", tmp_path), FILE, lambda content: content["images"].pop())
    with pytest.raises(DataError, match=r"annotation 5 of .* is of an image or a class that the file does not list"):
        find("coco").open(data)


def test_a_mask_of_another_size_is_refused_when_it_is_read(tmp_path):
    data = edited(make("coco", tmp_path), FILE, lambda content: content["images"][0].update(height=50))
    with pytest.raises(DataError, match=r"the mask of annotation 2 is \(48, 65\) .*, and its image \(50, 65\)"):
        find("coco").open(data).samples[0].targets()


def test_a_damaged_mask_is_refused_when_it_is_read(tmp_path):
    data = make("coco", tmp_path)
    edited(data, FILE, lambda content: content["annotations"][1].update(segmentation={"size": [48, 65], "counts": "1"}))
    with pytest.raises(DataError, match=r"runs of 3120 pixels"):
        find("coco").open(data).samples[0].targets()


def test_json_that_is_broken_is_refused_by_name(tmp_path):
    data = make("uvo", tmp_path)
    (data / "FrameSet/UVO_frame_val.json").write_text("{")
    with pytest.raises(DataError, match=r"UVO_frame_val\.json is not JSON"):
        find("uvo").open(data)
