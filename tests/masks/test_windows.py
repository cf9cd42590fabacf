import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hqsam.masks.boxes import box_of_mask
from hqsam.masks.windows import grow_window, tile_starts, window_of_box


def mask_of_box(box, size_hw):
    mask = np.zeros(size_hw, bool)
    mask[window_of_box(box)] = True
    return mask


def test_a_window_grows_as_far_as_the_image_goes():
    assert grow_window((slice(2, 5), slice(0, 8)), 3, (7, 20)) == (slice(0, 7), slice(0, 11))


@given(st.integers(1, 9000), st.integers(16, 1200), st.sampled_from([0.1, 0.25, 0.5]))
def test_tiles_cover_the_length_with_overlap(length, side, overlap):
    starts = tile_starts(length, side, overlap)
    assert starts[0] == 0 and starts[-1] == max(0, length - side)
    if len(starts) > 1:
        steps = np.diff(starts)
        assert steps.min() > 0 and steps.max() <= side * (1 - overlap) + 1


def test_a_filled_box_has_that_box():
    assert box_of_mask(mask_of_box((1, 2, 5, 4), (6, 7))).tolist() == [1, 2, 5, 4]


def test_a_filled_box_counts_pixels_whose_centre_is_inside():
    assert box_of_mask(mask_of_box((0.6, 0.4, 2.4, 2.6), (6, 7))).tolist() == [1, 0, 2, 3]


def test_a_box_beyond_the_image_is_cut_off():
    assert mask_of_box((-5, -5, 50, 50), (3, 4)).all()
    assert not mask_of_box((-5, -5, -1, -1), (3, 4)).any()
    assert not mask_of_box((10, 10, 20, 20), (3, 4)).any()
