import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hqsam.masks.row_runs import row_runs
from hqsam.masks.runs import Runs, runs_from_parts
from tests.masks.strategies import AWKWARD, masks


def of_pixels(mask):
    """The plain twin: where the flattened mask changes."""
    line = np.concatenate([[False], mask.ravel(), [False]]).astype(np.int8)
    change = np.diff(line)
    return np.flatnonzero(change > 0).tolist(), np.flatnonzero(change < 0).tolist()


def assert_same(runs, mask):
    assert (runs.starts.tolist(), runs.ends.tolist()) == of_pixels(mask)


@given(masks)
def test_runs_along_the_rows_are_those_of_the_pixels(mask):
    height, width = mask.shape
    runs = runs_from_parts([(mask, 0, 0)], height)
    assert_same(row_runs(runs, height, (slice(0, height), slice(0, width))), mask)


@given(masks, st.data())
def test_in_a_window_they_are_those_of_the_crop(mask, data):
    window = tuple(slice(*sorted(data.draw(st.tuples(st.integers(0, n), st.integers(0, n))))) for n in mask.shape)
    runs = runs_from_parts([(mask, 0, 0)], mask.shape[0])
    assert_same(row_runs(runs, mask.shape[0], window), mask[window])


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_masks_too(name):
    mask = AWKWARD[name]
    runs = runs_from_parts([(mask, 0, 0)], mask.shape[0])
    assert_same(row_runs(runs, mask.shape[0], (slice(0, mask.shape[0]), slice(0, mask.shape[1]))), mask)


def test_a_large_disc_costs_its_outline_and_not_its_area():
    """The whole mask would be 100 million pixels; its numbers are known from geometry."""
    side, column = 10_000, np.arange(2_000, 8_000)
    half = np.sqrt(3_000.0**2 - (column + 0.5 - 5_000) ** 2).astype(np.int64)
    starts, ends = column * side + 5_000 - half, column * side + 5_000 + half
    filled = ends > starts
    runs = row_runs(Runs(starts[filled], ends[filled]), side, (slice(0, side), slice(0, side)))
    assert runs.area == 2 * half.sum()
    assert np.all(runs.ends - runs.starts <= 6_000) and len(runs.starts) == 2 * half.max()
