import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hqsam.masks import label_map
from hqsam.masks.label_map import fill_gaps, paint, runs_of_labels
from hqsam.masks.overlap import disjoint_labels
from hqsam.masks.runs import runs_from_parts
from tests.masks.strategies import draw, stacks

ORDERS = ["small_on_top", "large_on_top", "first_on_top", "last_on_top"]


def runs_of_masks(masks):
    return [runs_from_parts([(mask, 0, 0)], mask.shape[0]) for mask in masks]


@given(stacks, st.sampled_from(ORDERS))
def test_painting_runs_is_painting_masks(masks, order):
    assert np.array_equal(paint(runs_of_masks(masks), masks.shape[1:], order), disjoint_labels(masks, order))


@given(stacks, st.sampled_from(ORDERS))
def test_a_map_comes_apart_into_the_pixels_of_each_number(masks, order):
    labels = paint(runs_of_masks(masks), masks.shape[1:], order)
    for number, runs in enumerate(runs_of_labels(labels, len(masks)), start=1):
        expected = runs_from_parts([(labels == number, 0, 0)], labels.shape[0])
        assert runs.to_rle(labels.shape) == expected.to_rle(labels.shape)


def test_numbers_take_the_smallest_type_that_holds_them():
    (one,) = runs_of_masks(np.ones((1, 2, 2), bool))
    assert paint([one] * 255, (2, 2)).dtype == np.uint8
    assert paint([one] * 256, (2, 2), "last_on_top").max() == 256


@given(stacks)
def test_a_filled_map_has_no_zeros_and_takes_nothing_from_anyone(masks):
    labels = paint(runs_of_masks(masks), masks.shape[1:])
    filled = fill_gaps(labels, sliver=4)
    assert (filled > 0).all()
    assert np.array_equal(filled[labels > 0], labels[labels > 0])


def test_a_narrow_gap_goes_to_the_nearest_and_a_wide_one_becomes_a_mask():
    labels = np.zeros((20, 40), np.uint8)
    labels[:, :10], labels[:, 12:20] = 1, 2
    filled = fill_gaps(labels, sliver=6)
    assert np.unique(filled[:, :11]).tolist() == [1] and np.unique(filled[:, 11:20]).tolist() == [2]
    assert np.unique(filled[:, 20:]).tolist() == [3]


def test_a_map_of_nothing_becomes_one_mask():
    assert np.unique(fill_gaps(np.zeros((5, 6), np.uint8), sliver=1)).tolist() == [1]


def test_a_large_map_is_filled_on_a_coarser_grid(monkeypatch):
    labels = np.zeros((40, 60), np.uint8)
    labels[:, :20], labels[:, 24:] = 1, 2
    exact = fill_gaps(labels, sliver=8)
    monkeypatch.setattr(label_map, "_FILLED_AT", 20)
    coarse = fill_gaps(labels, sliver=8)
    assert (coarse > 0).all() and np.array_equal(coarse[labels > 0], labels[labels > 0])
    assert (coarse != exact).mean() < 0.06


@pytest.mark.parametrize("picture", ["#", "#.#", "#.# ..."])
def test_small_maps_are_filled(picture):
    assert (fill_gaps(draw(picture).astype(np.uint8), sliver=100) == 1).all()
