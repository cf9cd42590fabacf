import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hqsam.errors import InputError
from hqsam.masks.boundary import _erode, _erode_step_by_step, boundary, boundary_iou, boundary_width, iou
from tests.masks.strategies import AWKWARD, masks, pairs


@given(masks, st.integers(1, 9))
def test_the_fast_erosion_is_the_plain_one(mask, steps):
    assert np.array_equal(_erode(mask, steps), _erode_step_by_step(mask, steps))


@given(masks, st.sampled_from([0.01, 0.02, 0.1, 0.3, 0.9]))
def test_the_boundary_is_the_official_one(mask, ratio):
    assert np.array_equal(boundary(mask, ratio), mask & ~_erode_step_by_step(mask, boundary_width(mask.shape, ratio)))


def test_the_boundary_of_a_large_smooth_mask_is_the_official_one():
    noise = np.random.default_rng(1).random((700, 900)).astype(np.float32)
    mask = cv2.GaussianBlur(noise, (0, 0), 40) > 0.5
    assert boundary_width(mask.shape, 0.02) == 23
    assert np.array_equal(boundary(mask), mask & ~_erode_step_by_step(mask, 23))


def test_the_width_is_a_rounded_share_of_the_diagonal_and_at_least_one():
    assert boundary_width((3, 4), 0.02) == 1
    assert boundary_width((300, 400), 0.02) == 10
    assert boundary_width((300, 400), 0.01) == 5


def test_the_border_of_the_image_is_a_boundary():
    mask = np.ones((300, 400), bool)
    assert boundary(mask).sum() == 300 * 400 - 280 * 380


@pytest.mark.parametrize("mask", AWKWARD.values(), ids=AWKWARD)
def test_a_mask_agrees_with_itself_even_when_it_is_empty(mask):
    assert iou(mask, mask) == boundary_iou(mask, mask) == 1


def test_nothing_and_something_do_not_agree_at_all():
    nothing, something = np.zeros((4, 4), bool), np.eye(4, dtype=bool)
    assert iou(nothing, something) == boundary_iou(nothing, something) == 0


@given(pairs)
def test_agreement_is_symmetric_and_between_0_and_1(pair):
    one, other = pair
    for measure in (iou, boundary_iou):
        assert 0 <= measure(one, other) == measure(other, one) <= 1


def test_half_a_square_agrees_by_half():
    whole, half = np.zeros((10, 10), bool), np.zeros((10, 10), bool)
    whole[2:8, 2:8] = half[2:8, 2:5] = True
    assert iou(whole, half) == 0.5


def test_masks_of_different_sizes_cannot_be_compared():
    with pytest.raises(InputError, match="cannot be compared"):
        iou(np.ones((3, 4), bool), np.ones((4, 3), bool))
    with pytest.raises(InputError, match="cannot be compared"):
        boundary_iou(np.ones((3, 4), bool), np.ones((4, 3), bool))
