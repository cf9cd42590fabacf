import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco_mask

from hqsam.masks.boxes import boxes_of_masks
from hqsam.masks.overlap import box_iou, box_nms, disjoint_labels
from tests.masks.strategies import stacks

corners = arrays(np.float64, st.tuples(st.integers(0, 6), st.just(4)), elements=st.integers(0, 20))
boxes = corners.map(
    lambda box: np.concatenate([np.minimum(box[:, :2], box[:, 2:]), np.maximum(box[:, :2], box[:, 2:])], 1)
)


@given(boxes, boxes)
def test_boxes_overlap_as_pycocotools_says(some, others):
    expected = np.zeros((len(some), len(others)))
    for i, (x0, y0, x1, y1) in enumerate(some):
        for j, (u0, v0, u1, v1) in enumerate(others):
            one, other = [[x0, y0, x1 - x0, y1 - y0]], [[u0, v0, u1 - u0, v1 - v0]]
            expected[i, j] = np.nan_to_num(coco_mask.iou(one, other, [0]))[0, 0]
    assert np.allclose(box_iou(some, others), expected)


@given(stacks, st.sampled_from([0.0, 0.3, 0.7]))
def test_what_is_kept_does_not_overlap_and_what_goes_overlaps_something_better(stack, limit):
    scores = np.linspace(0, 1, len(stack))[::-1] ** 2
    boxes = boxes_of_masks(stack)
    kept = box_nms(boxes, scores, limit).tolist()
    table = box_iou(boxes, boxes)
    for i in range(len(stack)):
        better = [j for j in kept if j < i]
        assert (i in kept) == all(table[i, j] <= limit for j in better)


def test_the_best_of_two_equal_boxes_is_kept():
    box = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60]])
    assert box_nms(box, np.array([0.2, 0.9, 0.5]), 0.5).tolist() == [1, 2]


def test_suppressing_nothing_keeps_nothing():
    assert box_nms(np.zeros((0, 4)), np.zeros(0), 0.5).shape == (0,)


BIG_AND_SMALL = np.zeros((2, 6, 6), bool)
BIG_AND_SMALL[0, :5, :5] = BIG_AND_SMALL[1, 2:6, 2:4] = True


@pytest.mark.parametrize(
    ("order", "on_top"), [("small_on_top", 2), ("large_on_top", 1), ("first_on_top", 1), ("last_on_top", 2)]
)
def test_the_order_says_who_gets_a_shared_pixel(order, on_top):
    labels = disjoint_labels(BIG_AND_SMALL, order)
    assert labels[3, 3] == on_top
    assert labels[5, 2] == 2
    assert labels[0, 0] == 1
    assert labels[5, 5] == 0


@given(stacks, st.sampled_from(["small_on_top", "large_on_top", "first_on_top", "last_on_top"]))
def test_a_label_map_covers_the_union_and_gives_each_pixel_to_a_mask_that_claims_it(stack, order):
    labels = disjoint_labels(stack, order)
    assert np.array_equal(labels > 0, stack.any(axis=0))
    for index, mask in enumerate(stack):
        assert mask[labels == index + 1].all()


def test_of_equal_masks_the_earlier_is_on_top():
    twice = np.ones((2, 3, 3), bool)
    assert (disjoint_labels(twice, "small_on_top") == 1).all()
    assert (disjoint_labels(twice, "large_on_top") == 1).all()


def test_no_masks_give_an_empty_label_map():
    assert disjoint_labels([], size_hw=(3, 4)).shape == (3, 4)
