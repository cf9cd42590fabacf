import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from hqsam.evaluation import average_precision as coco
from hqsam.evaluation.matching import NOTHING_WANTED, RECALLS, ImageOverlaps, precision
from hqsam.masks import rle
from tests import needs
from tests.evaluation.crowded import CLASSES, crowded

AREAS = [(0, 1e10), (0, 32**2), (32**2, 96**2), (96**2, 1e10)]


def scenes_of(annotations, results, category):
    return [
        scene_of(
            [one for one in results if one["image_id"] == image["id"] and one["category_id"] == category],
            [
                one
                for one in annotations["annotations"]
                if one["image_id"] == image["id"] and one["category_id"] == category
            ],
            image,
        )
        for image in annotations["images"]
    ]


def scene_of(found, wanted, image):
    size = image["height"], image["width"]
    runs = [runs_from_rle(one["segmentation"], size) for one in (*found, *wanted)]
    crowd = [one["iscrowd"] for one in wanted]
    overlap = coco_mask.iou(runs[: len(found)], runs[len(found) :], crowd) if found and wanted else []
    return ImageOverlaps(
        np.asarray(overlap, float).reshape(len(found), len(wanted)),
        np.array([one["score"] for one in found], float),
        np.array([rle.area(one["segmentation"]) for one in found], float),
        np.array([one["area"] for one in wanted], float),
        np.array(crowd, bool),
    )


def runs_from_rle(segmentation, size):
    if isinstance(segmentation, list):
        return coco_mask.merge(coco_mask.frPyObjects(segmentation, *size))
    return {"size": segmentation["size"], "counts": segmentation["counts"].encode()}


@pytest.mark.parametrize("seed", range(5))
def test_precision_is_that_of_faster_coco_eval_at_every_threshold_recall_class_and_area(seed):
    needs.package("faster_coco_eval", install='pip install "hqsam[evaluate]"')
    annotations, results = crowded(seed)
    truth = coco._truth(annotations, None, "coco")
    expected = coco._precision_table(truth, [dict(one) for one in results], "coco", None)
    for place, category in enumerate(CLASSES):
        overlaps = scenes_of(annotations, results, category)
        for number, areas in enumerate(AREAS):
            np.testing.assert_allclose(precision(overlaps, areas), expected[:, :, place, number], atol=1e-12)


def image(overlap, scores, crowd=None):
    overlap = np.array(overlap, float)
    found, wanted = overlap.shape
    crowd = np.zeros(wanted, bool) if crowd is None else np.array(crowd)
    return ImageOverlaps(overlap, np.array(scores, float), np.full(found, 100.0), np.full(wanted, 100.0), crowd)


def test_one_right_and_one_wrong():
    assert precision([image([[0.8], [0.1]], [0.9, 0.5])])[0].tolist() == pytest.approx([1] * 101)
    assert precision([image([[0.8], [0.1]], [0.5, 0.9])])[0].tolist() == pytest.approx([0.5] * 101)


def test_an_overlap_counts_up_to_its_threshold():
    assert precision([image([[0.7]], [0.9])])[:, 0].tolist() == pytest.approx([1] * 5 + [0] * 5)


def test_a_second_find_of_the_same_object_is_wrong():
    found_twice = precision([image([[0.9], [0.8]], [0.9, 0.8]), image([[0.9]], [0.1])])
    assert found_twice[0, 0] == pytest.approx(1) and found_twice[0, -1] == pytest.approx(2 / 3)


def test_half_of_the_objects_found_is_half_of_the_recalls():
    half = precision([image([[0.9, 0.0]], [0.9])])[0]
    assert half[RECALLS <= 0.5] == pytest.approx(1) and (half[RECALLS > 0.5] == 0).all()


def test_a_crowd_need_not_be_found_and_forgives_every_find():
    assert precision([image([[0.0, 0.9], [0.0, 0.8], [0.9, 0.0]], [0.9, 0.8, 0.7], [False, True])])[0] == pytest.approx(
        1
    )
    assert (precision([image([[0.9]], [0.9], [True])]) == NOTHING_WANTED).all()


def test_only_the_best_finds_of_an_image_count():
    assert precision([image([[0.0], [0.9]], [0.9, 0.8])], most=1)[0].max() == 0


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=8))
def test_precision_falls_with_recall_and_with_the_threshold(finds):
    table = precision([image([[overlap] for overlap, _ in finds], [score for _, score in finds])])
    assert (np.diff(table, axis=1) <= 0).all() and (np.diff(table[:, 0]) <= 1e-12).all()
    assert 0 <= table.min() <= table.max() <= 1
