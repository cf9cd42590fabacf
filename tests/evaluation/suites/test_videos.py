import json

import numpy as np
import pytest
from PIL import Image

from hqsam.errors import DataError
from hqsam.evaluation.suites import find
from hqsam.evaluation.suites.davis import boxes_of_label_maps
from tests.evaluation.layouts import detections, make, scene

FILE = "annotations/ytvis_hq-test.json"


def edited(data, edit):
    content = json.loads((data / FILE).read_text())
    edit(content)
    (data / FILE).write_text(json.dumps(content))
    return data


def test_every_frame_is_a_case_with_the_objects_that_are_seen(tmp_path):
    samples = find("hqytvis").open(make("hqytvis", tmp_path)).samples
    assert [sample.name for sample in samples[:4]] == [
        "HQ-YTVIS/1/00000",
        "HQ-YTVIS/1/00005",
        "HQ-YTVIS/1/00010",
        "HQ-YTVIS/2/00000",
    ]
    assert samples[1].about == {"video_id": 1, "frame": 1} and samples[1].size_hw == (48, 64)
    assert [len(sample.targets()) for sample in samples] == [2, 2, 1, 2, 2, 1]
    target = samples[4].targets()[1]
    assert target.about == {"category_id": 2, "track": 4}
    assert np.array_equal(target.truth, scene(2, shift=1).masks[1])


def test_a_set_whose_masks_are_kept_secret_is_refused(tmp_path):
    data = edited(make("hqytvis", tmp_path), lambda content: content.update(annotations=None))
    with pytest.raises(DataError, match=r"YTVIS's own validation set are not published"):
        find("hqytvis").open(data)


def test_an_object_needs_a_mask_or_null_for_each_frame(tmp_path):
    data = edited(make("hqytvis", tmp_path), lambda content: content["annotations"][0]["segmentations"].pop())
    with pytest.raises(DataError, match=r"object 1 has 2 masks, and its video 1 has 3 frames"):
        find("hqytvis").open(data)


def test_objects_of_unknown_videos_are_refused(tmp_path):
    data = edited(make("hqytvis", tmp_path), lambda content: content["videos"].pop())
    with pytest.raises(DataError, match=r"annotations of 1 videos that it does not list, such as 2"):
        find("hqytvis").open(data)


def test_missing_frames_are_counted(tmp_path):
    data = make("hqytvis", tmp_path)
    (data / "train/JPEGImages/video2/00005.jpg").unlink()
    with pytest.raises(DataError, match=r"1 of 6 frames of HQ-YTVIS are not in .*video2; the first: 00005.jpg"):
        find("hqytvis").open(data)


def test_a_mask_of_another_size_than_the_video_is_left_out_with_the_reason(tmp_path):
    data = edited(make("hqytvis", tmp_path), lambda content: content["videos"][0].update(width=60))
    targets = find("hqytvis").open(data).samples[0].targets()
    assert "ann-1" in [target.name for target in targets]
    assert {target.unusable for target in targets} == {"masks of another size than their image"}


def test_davis_asks_about_the_objects_of_the_first_frame(tmp_path):
    data = make("davis", tmp_path)
    path = data / "Annotations/480p/camel/00002.png"
    labels = np.array(Image.open(path))
    labels[0, 0], labels[0, 1] = 3, 255
    picture = Image.fromarray(labels)
    picture.save(path)
    samples = {sample.name: sample for sample in find("davis").open(data).samples}
    assert len(samples) == 8
    assert samples["camel/00002"].about == {"video_id": "camel", "frames": 4, "objects": 2, "frame": 2}
    assert [target.about for target in samples["camel/00002"].targets()] == [{"track": 1}, {"track": 2}]
    assert len(samples["bear/00000"].targets()) == 1


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        (
            "ImageSets/2017/val.txt",
            "no file ImageSets/2017/val.txt in .*found there: Annotations/, ImageSets/, JPEGImages/",
        ),
        ("JPEGImages/480p/camel", "1 of 2 videos are not in .*480p; the first: camel"),
        ("Annotations/480p/camel/00001.png", "1 of 4 label maps of camel are not in .*camel; the first: 00001.png"),
    ],
)
def test_what_davis_lacks_is_named(tmp_path, missing, message):
    data = make("davis", tmp_path)
    (data / missing).rename(tmp_path / "away")
    with pytest.raises(DataError, match=message):
        find("davis").open(data)


def test_a_trackers_label_maps_become_boxes(tmp_path):
    data = make("davis", tmp_path)
    samples = find("davis").open(data).samples
    boxes = boxes_of_label_maps(detections("davis", data), samples)
    assert list(boxes) == [sample.name for sample in samples]
    (number, box), *_ = boxes["camel/00001"]
    assert number == 1 and box == pytest.approx(_box(scene(1, shift=1).masks[0]))
    with pytest.raises(DataError, match=r"8 of 8 label maps are not in"):
        boxes_of_label_maps(tmp_path / "nothing", samples)


def _box(mask):
    rows, columns = np.nonzero(mask)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
