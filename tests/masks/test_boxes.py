import numpy as np
from hypothesis import given

from hqsam.masks.boxes import box_of_mask, boxes_of_masks
from tests.masks.strategies import masks, stacks


@given(masks)
def test_a_box_holds_the_whole_mask_and_touches_it_on_every_side(mask):
    x0, y0, x1, y1 = box_of_mask(mask)
    inside = mask[y0:y1, x0:x1]
    assert inside.sum() == mask.sum()
    for side in (inside[:1], inside[-1:], inside[:, :1], inside[:, -1:]):
        assert side.any() == mask.any()


def test_the_box_of_an_empty_mask_is_all_zero():
    assert box_of_mask(np.zeros((5, 6), bool)).tolist() == [0, 0, 0, 0]


def test_the_box_of_one_pixel_is_one_wide_and_one_high():
    mask = np.zeros((5, 6), bool)
    mask[2, 4] = True
    assert box_of_mask(mask).tolist() == [4, 2, 5, 3]


@given(stacks)
def test_boxes_of_many_masks_are_the_boxes_of_each(stack):
    assert np.array_equal(boxes_of_masks(stack), [box_of_mask(mask) for mask in stack])


def test_no_masks_have_no_boxes():
    assert boxes_of_masks(np.zeros((0, 5, 6), bool)).shape == (0, 4)
