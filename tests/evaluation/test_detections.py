import json

import numpy as np
import pytest

from hqsam.errors import DataError
from hqsam.evaluation.detections import with_detections
from hqsam.masks.rle import encode
from tests.evaluation.layouts import detections
from tests.evaluation.runs import made

ONE = {"image_id": 1, "category_id": 2, "score": 0.5, "bbox": [3, 4, 10, 20]}


@pytest.fixture
def coco(tmp_path):
    return made("coco", tmp_path)


def write(tmp_path, content):
    path = tmp_path / "found.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def targets_by_case(suite, path):
    return {sample.name: sample.targets() for sample in with_detections(suite, path)}


def test_boxes_come_to_their_images_with_class_and_score(coco, tmp_path):
    by_case = targets_by_case(coco, write(tmp_path, [ONE, ONE | {"score": 0.25, "image_id": 2}, ONE | {"score": 1}]))
    first, second, third = (by_case[sample.name] for sample in coco.samples)
    assert [(target.name, target.about) for target in first] == [
        ("det-0", {"category_id": 2, "score": 0.5}),
        ("det-2", {"category_id": 2, "score": 1.0}),
    ]
    assert first[0].box == (3, 4, 13, 24) and first[0].truth is None
    assert len(second) == 1 and third == []


def test_a_mask_will_do_where_there_is_no_box(coco, tmp_path):
    mask = np.zeros((48, 65), bool)
    mask[5:9, 10:30] = True
    detection = {key: value for key, value in ONE.items() if key != "bbox"} | {"segmentation": encode(mask)}
    by_case = targets_by_case(coco, write(tmp_path, [detection]))
    assert by_case[coco.samples[0].name][0].box == (10, 5, 30, 9)


def test_tubes_are_asked_about_frame_by_frame(tmp_path):
    suite = made("hqytvis", tmp_path)
    tube = {"video_id": 1, "category_id": 1, "score": 0.5, "bboxes": [[0, 0, 4, 5], None, [1, 1, 4, 5]]}
    by_case = targets_by_case(suite, write(tmp_path, [tube]))
    frames = [by_case[sample.name] for sample in suite.samples if sample.about["video_id"] == 1]
    assert [len(targets) for targets in frames] == [1, 0, 1]
    assert frames[2][0].box == (1, 1, 5, 6) and frames[2][0].about["track"] == 0


def test_sets_that_are_numbered_apart_have_a_file_each(tmp_path):
    suite = made("sginw", tmp_path)
    folder = detections("sginw", tmp_path / "data")
    samples = with_detections(suite, folder)
    assert [sample.name for sample in samples] == [sample.name for sample in suite.samples]
    assert all(sample.targets() for sample in samples)
    with pytest.raises(DataError, match="25 sets"):
        with_detections(suite, folder / "Cows.json")
    (folder / "Cows.json").unlink()
    with pytest.raises(DataError, match=r"Cows\.json"):
        with_detections(suite, folder)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not JSON"),
        ({"annotations": []}, "holds a JSON dict; expected a list of detections"),
        ([{"image_id": 1}], "detection 0 .* 'category_id'"),
        ([{key: value for key, value in ONE.items() if key != "bbox"}], "neither a bbox nor a segmentation"),
        ([ONE | {"bbox": [1, 2, 3]}], "detection 0"),
        ([ONE | {"score": None}], "detection 0"),
        (["words"], "detection 0"),
        ([ONE, ONE | {"image_id": 4711}], "1 images that the suite does not have, such as 4711"),
    ],
)
def test_what_is_no_detector_s_file_of_this_suite_is_refused(coco, tmp_path, content, said):
    with pytest.raises(DataError, match=said):
        with_detections(coco, write(tmp_path, content))


def test_a_missing_file_a_folder_and_a_suite_without_numbers_are_said(coco, tmp_path):
    with pytest.raises(DataError, match="there is no detector's file"):
        with_detections(coco, tmp_path / "nowhere.json")
    with pytest.raises(DataError, match="is a folder; expected a results file"):
        with_detections(coco, tmp_path)
    with pytest.raises(DataError, match="no number by which a detector could name it"):
        with_detections(made("folder", tmp_path / "more"), write(tmp_path, [ONE]))
