"""Runs cut, and joined."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hqsam.masks.cutting import cut, union
from hqsam.masks.rle import encode
from hqsam.masks.runs import runs_of
from tests.masks.strategies import masks


@given(masks, st.data())
def test_what_is_cut_out_is_what_the_mask_has_there(mask, data):
    height, width = mask.shape
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    window = slice(top, data.draw(st.integers(top + 1, height))), slice(left, data.draw(st.integers(left + 1, width)))
    np.testing.assert_array_equal(cut(runs_of(encode(mask)), height, window), mask[window])


@given(st.integers(1, 20), st.integers(1, 20), st.data())
def test_a_union_has_the_pixels_of_all(height, width, data):
    bits = st.lists(st.booleans(), min_size=height * width, max_size=height * width)
    several = [np.array(data.draw(bits)).reshape(height, width) for _ in range(data.draw(st.integers(0, 4)))]
    expected = np.logical_or.reduce([np.zeros((height, width), bool), *several])
    found = union([runs_of(encode(mask)) for mask in several])
    assert found.to_rle((height, width)) == encode(expected)
