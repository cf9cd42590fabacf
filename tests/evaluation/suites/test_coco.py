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


def test_an_annotation_of_an_image_that_is_not_listed_is_left_out_and_said(tmp_path):
    data = edited(make("coco", tmp_path), FILE, lambda content: content["images"].pop())
    opened = find("coco").open(data)
    assert any("2 left out: annotations of images that are not listed (5, 6)" in line for line in opened.warnings)
    assert len(opened.samples) == 2


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (lambda one: one["images"][0].update(height=50), "masks of another size than their image"),
        (
            lambda one: one["annotations"][1].update(segmentation={"size": [48, 65], "counts": "1"}),
            "damaged run lengths",
        ),
        (lambda one: one["annotations"][1].update(segmentation=[[0, 0, 9, 0, 9, 9, 0]]), "odd number of coordinates"),
        (lambda one: one["annotations"][1].update(segmentation=[[0, 0, 1e9, 0, 9, 9]]), "far out of their image"),
        (lambda one: one["annotations"][1].update(segmentation=[[0, 0, 1, 0, 1, float("nan")]]), "no numbers"),
        (lambda one: one["annotations"][1].update(segmentation="48"), "neither run lengths nor outlines"),
    ],
)
def test_an_object_whose_mask_cannot_be_read_is_left_out_with_the_reason(edit, why, tmp_path):
    data = edited(make("coco", tmp_path), FILE, edit)
    usable, unusable = find("coco").open(data).samples[0].targets()
    assert usable.name == "ann-1" and not usable.unusable
    assert unusable.name == "ann-2" and unusable.truth is None and why in unusable.unusable


def test_ids_as_text_flat_outlines_and_missing_sizes_are_read(tmp_path):
    plain = find("coco").open(make("coco", tmp_path / "plain"))

    def odd(content):
        for image in content["images"]:
            image["id"] = str(image["id"])
            del image["height"], image["width"]
        content["annotations"][0]["segmentation"] = content["annotations"][0]["segmentation"][0]

    opened = find("coco").open(edited(make("coco", tmp_path / "odd"), FILE, odd))
    assert [one.about for one in opened.samples] == [one.about for one in plain.samples]
    assert [one.size_hw for one in opened.samples] == [one.size_hw for one in plain.samples]
    for ours, theirs in zip(opened.samples[0].targets(), plain.samples[0].targets(), strict=True):
        assert np.array_equal(ours.truth, theirs.truth)


def test_json_that_is_broken_is_refused_by_name(tmp_path):
    data = make("uvo", tmp_path)
    (data / "FrameSet/UVO_frame_val.json").write_text("{")
    with pytest.raises(DataError, match=r"UVO_frame_val\.json is not JSON"):
        find("uvo").open(data)
