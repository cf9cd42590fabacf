import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hqsam.masks import rle
from hqsam.masks.boxes import box_of_mask
from hqsam.masks.runs import runs_of, runs_of_parts
from tests.masks.strategies import AWKWARD, masks


@given(masks)
def test_runs_know_area_and_box_and_pack_as_the_whole_mask_does(mask):
    runs = runs_of_parts([(mask, 0, 0)], mask.shape[0])
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
    assert runs_of_parts(parts, height).to_rle(mask.shape) == rle.encode(kept)


@given(masks)
def test_unpacked_runs_are_those_of_the_mask(mask):
    runs, back = runs_of_parts([(mask, 0, 0)], mask.shape[0]), runs_of(rle.encode(mask))
    assert back.starts.tolist() == runs.starts.tolist() and back.ends.tolist() == runs.ends.tolist()


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_masks_pack_as_they_should(name):
    mask = AWKWARD[name]
    runs = runs_of_parts([(mask, 0, 0)], mask.shape[0])
    assert runs.to_rle(mask.shape) == rle.encode(mask)
    assert runs.box_xyxy(mask.shape[0]).tolist() == box_of_mask(mask).tolist()


def test_no_parts_are_an_empty_mask():
    assert runs_of_parts([], 5).to_rle((5, 4)) == rle.encode(np.zeros((5, 4), bool))
