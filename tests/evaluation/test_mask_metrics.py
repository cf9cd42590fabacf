import numpy as np
import pytest

from hqsam.errors import InputError
from hqsam.evaluation.mask_metrics import (
    Clicks,
    MaskScores,
    clicks_to_target,
    mask_scores,
    mean_clicks,
    mean_scores,
    overlap,
)
from hqsam.evaluation.record import Row
from hqsam.masks.boundary import boundary


def square(start, stop):
    mask = np.zeros((100, 100), bool)
    mask[start:stop, start:stop] = True
    return mask


def test_a_mask_agrees_with_itself():
    assert mask_scores(square(10, 60), square(10, 60)) == MaskScores(1.0, 1.0)


def test_boundaries_show_what_areas_hide():
    scores = mask_scores(square(10, 90), square(12, 88))
    assert scores.iou == 76**2 / 80**2
    ring, inner = boundary(square(10, 90)), boundary(square(12, 88))
    assert scores.boundary_iou == (ring & inner).sum() / (ring | inner).sum()
    assert scores.boundary_iou < 0.3 < 0.9 < scores.iou


def test_the_strict_measure_is_harder():
    masks = square(10, 90), square(11, 90)
    assert mask_scores(*masks, ratio=0.01).boundary_iou < mask_scores(*masks).boundary_iou


def test_every_mask_counts_the_same():
    small_and_wrong, large_and_right = (
        mask_scores(square(0, 2), square(4, 6)),
        mask_scores(square(0, 90), square(0, 90)),
    )
    assert mean_scores([small_and_wrong, large_and_right]) == MaskScores(0.5, 0.5)


def test_the_mean_of_nothing_is_an_error():
    with pytest.raises(InputError, match="nothing to take the mean of"):
        mean_scores([])


def test_clicks_are_counted_up_to_the_target():
    assert clicks_to_target([0.5, 0.86, 0.84, 0.95], 0.85) == 2
    assert clicks_to_target([0.5, 0.86, 0.84, 0.95], 0.90) == 4
    assert clicks_to_target([0.85], 0.85) == 1
    assert clicks_to_target([0.1] * 30, 0.85) is None
    assert clicks_to_target([0.1] * 20 + [0.99], 0.85) is None


def test_an_object_that_is_never_reached_counts_as_the_most_clicks():
    curves = [[0.9], [0.2, 0.9], [0.2, 0.3, 0.4]]
    assert mean_clicks(curves, 0.85) == Clicks((1 + 2 + 20) / 3, 1)
    assert mean_clicks(curves, 0.35, most=3) == Clicks((1 + 2 + 3) / 3, 0)


def test_no_clicks_cannot_be_counted():
    for curves in ([], [[0.5], []]):
        with pytest.raises(InputError, match="curves of IoU"):
            mean_clicks(curves, 0.85)


def answer(iou, boundary_iou):
    return Row("x/1", "1", (1, 1), {}, iou, boundary_iou, 0.5, {"size": [1, 1], "counts": "1"})


def test_overlap_is_the_mean_over_answers_if_each_has_a_true_mask():
    assert overlap([answer(0.5, 0.2), answer(1.0, 0.4)]) == pytest.approx({"mIoU": 0.75, "mBIoU": 0.3})
    assert overlap([answer(0.5, 0.2), answer(None, None)]) == overlap([]) == {}


def test_two_masks_without_anything_agree():
    assert mask_scores(np.zeros((9, 9), bool), np.zeros((9, 9), bool)) == MaskScores(1, 1)
