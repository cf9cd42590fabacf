"""Objects of tiles that meet, joined."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hqsam.errors import OptionError
from hqsam.masks.regions import components
from hqsam.masks.rle import decode, encode
from hqsam.predict.tiles.seams import Part, join, whole
from hqsam.predict.tiles.tile_grid import TileGrid

SIZE = (300, 420)
GRID = TileGrid(SIZE, 128, 0.25)


def parts_of(truth, grid=GRID):
    """What tiles find that see perfectly: every connected piece in each."""
    found = []
    for tile in grid.tiles:
        pieces = components(truth[grid.window(tile)])
        found += [Part(tile, encode(pieces == number), 0.9) for number in range(1, pieces.max() + 1)]
    return found


def objects_of(truth, grid=GRID):
    joined = join(parts_of(truth, grid), grid)
    return [decode(whole(parts, grid).to_rle(grid.size_hw)) for parts in joined]


def disc(x, y, radius):
    down, across = np.mgrid[: SIZE[0], : SIZE[1]]
    return np.hypot(across - x, down - y) < radius


@given(st.floats(0, 420), st.floats(0, 300), st.floats(10, 140))
def test_a_disc_anywhere_comes_back_whole_and_once(x, y, radius):
    truth = disc(x, y, radius)
    found = objects_of(truth)
    assert len(found) == (1 if truth.any() else 0)
    for mask in found:
        np.testing.assert_array_equal(mask, truth)


def test_objects_that_no_tile_sees_whole_stay_apart():
    upper, lower = np.zeros(SIZE, bool), np.zeros(SIZE, bool)
    upper[100:110], lower[120:130] = True, True  # two roads from end to end
    found = objects_of(upper | lower)
    assert len(found) == 2
    np.testing.assert_array_equal(found[0], upper)
    np.testing.assert_array_equal(found[1], lower)


def test_where_tiles_disagree_the_one_decides_that_sees_further_around():
    wide, narrow = np.zeros(SIZE, bool), np.zeros(SIZE, bool)
    wide[40:80, 20:200], narrow[45:75, 20:200] = True, True
    left, right = (0, 0), (0, 1)
    parts = [
        Part(left, encode(np.ascontiguousarray(wide[GRID.window(left)])), 0.9),
        Part(right, encode(np.ascontiguousarray(narrow[GRID.window(right)])), 0.7),
    ]
    (group,) = join(parts, GRID)
    shared = GRID.shared(left, right)[1]
    middle = (shared.start + shared.stop) // 2
    expected = np.concatenate([wide[:, :middle], narrow[:, middle:]], axis=1)
    expected[:, GRID.window(right)[1].stop :] = False
    np.testing.assert_array_equal(decode(whole(group, GRID).to_rle(SIZE)), expected)


def test_an_object_that_only_one_tile_found_is_kept_as_it_is():
    shape = disc(110, 60, 15)  # where two tiles overlap
    part = Part((0, 0), encode(np.ascontiguousarray(shape[GRID.window((0, 0))])), 0.9)
    ((only,),) = join([part], GRID)
    np.testing.assert_array_equal(decode(whole([only], GRID).to_rle(SIZE)), shape & _seen_by((0, 0)))


def test_a_scrap_that_the_next_tile_saw_whole_and_did_not_find_is_left_out():
    left, right = GRID.window((0, 0))[1], GRID.window((0, 1))[1]
    scrap, long = np.zeros(SIZE, bool), np.zeros(SIZE, bool)
    scrap[40:60, left.stop - 10 : left.stop] = True  # at the left tile's rim, and well inside the right one
    long[40:60, 10 : left.stop] = True  # reaches out of what the right tile sees
    for shape, count in ((scrap, 0), (long, 1)):
        part = Part((0, 0), encode(np.ascontiguousarray(shape[GRID.window((0, 0))])), 0.9)
        assert len(join([part], GRID)) == count, right


def test_of_parts_and_wholes_each_joins_its_own():
    """A plate with a cup on it: both tiles found both."""
    plate, cup = disc(120, 60, 50), disc(120, 60, 20)
    parts = [
        Part(tile, encode(np.ascontiguousarray(shape[GRID.window(tile)])), 0.9)
        for tile in ((0, 0), (0, 1))
        for shape in (plate, cup)
    ]
    groups = join(parts, GRID)
    assert [len(group) for group in groups] == [2, 2]
    for group, shape in zip(groups, (plate, cup), strict=True):
        np.testing.assert_array_equal(decode(whole(group, GRID).to_rle(SIZE)), shape)


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(64, 900), st.floats(0.05, 0.5))
def test_tiles_cover_the_photo(height, width, side, overlap):
    grid = TileGrid((height, width), side, overlap)
    covered = np.zeros((height, width), bool)
    for tile in grid.tiles:
        rows, columns = grid.window(tile)
        assert 0 <= rows.start < rows.stop <= height and 0 <= columns.start < columns.stop <= width
        assert grid.tile_size_hw(tile) == (min(side, height), min(side, width))
        covered[rows, columns] = True
        for other in grid.neighbours(tile):
            shared = grid.shared(tile, other)
            for part, length in zip(shared, (height, width), strict=True):
                assert part.stop - part.start >= min(length, int(overlap * side) - 1)
    assert covered.all()


@pytest.mark.parametrize(("side", "overlap"), [(10, 0.2), (512, 0), (512, 0.9)])
def test_tiles_that_cannot_be_joined_are_refused(side, overlap):
    with pytest.raises(OptionError):
        TileGrid(SIZE, side, overlap)


def _seen_by(tile):
    seen = np.zeros(SIZE, bool)
    seen[GRID.window(tile)] = True
    return seen
