import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hqsam.masks import rle
from hqsam.masks.boxes import box_of_mask
from hqsam.masks.runs import crop_runs, runs_from_parts, runs_from_rle, union
from tests.masks.strategies import AWKWARD, masks


@given(masks)
def test_runs_know_area_and_box_and_pack_as_the_whole_mask_does(mask):
    runs = runs_from_parts([(mask, 0, 0)], mask.shape[0])
    assert runs.area == np.count_nonzero(mask)
    assert runs.box_xyxy(mask.shape[0]).tolist() == box_of_mask(mask).tolist()
    assert runs.to_rle(mask.shape) == rle.encode(mask)


@given(masks, st.data())
def test_a_mask_given_in_parts_is_the_same_mask(mask, data):
    height, width = mask.shape
    top, bottom = sorted(data.draw(st.tuples(st.integers(0, height), st.integers(0, height))))
    cuts = sorted({0, width, *data.draw(st.lists(st.integers(0, width), max_size=3))})
    parts = [(mask[top:bottom, a:b], top, a) for a, b in itertools.pairwise(cuts)]
    kept = np.zeros_like(mask)
    kept[top:bottom] = mask[top:bottom]
    assert runs_from_parts(parts, height).to_rle(mask.shape) == rle.encode(kept)


@given(masks)
def test_unpacked_runs_are_those_of_the_mask(mask):
    runs, back = runs_from_parts([(mask, 0, 0)], mask.shape[0]), runs_from_rle(rle.encode(mask))
    assert back.starts.tolist() == runs.starts.tolist() and back.ends.tolist() == runs.ends.tolist()


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_masks_pack_as_they_should(name):
    mask = AWKWARD[name]
    runs = runs_from_parts([(mask, 0, 0)], mask.shape[0])
    assert runs.to_rle(mask.shape) == rle.encode(mask)
    assert runs.box_xyxy(mask.shape[0]).tolist() == box_of_mask(mask).tolist()


def test_no_parts_are_an_empty_mask():
    assert runs_from_parts([], 5).to_rle((5, 4)) == rle.encode(np.zeros((5, 4), bool))


@given(masks, st.data())
def test_what_is_cut_out_is_what_the_mask_has_there(mask, data):
    height, width = mask.shape
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    window = slice(top, data.draw(st.integers(top + 1, height))), slice(left, data.draw(st.integers(left + 1, width)))
    np.testing.assert_array_equal(crop_runs(runs_from_rle(rle.encode(mask)), height, window), mask[window])


@given(st.integers(1, 20), st.integers(1, 20), st.data())
def test_a_union_has_the_pixels_of_all(height, width, data):
    bits = st.lists(st.booleans(), min_size=height * width, max_size=height * width)
    several = [np.array(data.draw(bits)).reshape(height, width) for _ in range(data.draw(st.integers(0, 4)))]
    expected = np.logical_or.reduce([np.zeros((height, width), bool), *several])
    found = union([runs_from_rle(rle.encode(mask)) for mask in several])
    assert found.to_rle((height, width)) == rle.encode(expected)
