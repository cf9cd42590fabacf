"""Which parts of a photo are encoded again."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hqsam.predict.detail_crops import MARGIN, crops_around_objects, tiles_along_edges

SIZE = (2000, 3000)
MODEL = 256


@st.composite
def boxes(draw):
    sides = st.integers(1, 1500)
    x0, y0, width, height = draw(st.integers(0, 2900)), draw(st.integers(0, 1900)), draw(sides), draw(sides)
    return x0, y0, min(3000, x0 + width), min(2000, y0 + height)


@given(st.lists(boxes(), max_size=30))
def test_every_object_that_gains_is_whole_in_one_crop_and_seen_closer(objects):
    objects = np.array(objects, float).reshape(-1, 4)
    crops = crops_around_objects(objects, SIZE, MODEL)
    served = [row for crop in crops for row in crop.rows]
    assert len(served) == len(set(served))
    for crop in crops:
        assert 0 <= crop.x0 < crop.x1 <= 3000 and 0 <= crop.y0 < crop.y1 <= 2000 and crop.rows
        assert max(crop.size_hw) * 1.4 <= 3000 + 2
        for row in crop.rows:
            x0, y0, x1, y1 = objects[row]
            assert crop.x0 <= x0 and crop.y0 <= y0 and x1 <= crop.x1 and y1 <= crop.y1
    sides = (objects[:, 2:] - objects[:, :2]).max(axis=1, initial=0)
    assert set(served) == set(np.flatnonzero(sides * (1 + 2 * MARGIN) * 1.4 <= 3000).tolist())


def test_an_object_alone_is_in_the_middle_of_its_crop():
    (crop,) = crops_around_objects(np.array([(1000.0, 800, 1200, 900)]), SIZE, MODEL)
    assert (crop.x0 + crop.x1, crop.y0 + crop.y1) == (2200, 1700)
    assert crop.size_hw == (round(200 * (1 + 2 * MARGIN)),) * 2


def test_a_crop_stays_in_the_photo():
    (crop,) = crops_around_objects(np.array([(0.0, 0, 200, 100)]), SIZE, MODEL)
    assert (crop.x0, crop.y0) == (0, 0)


def test_neighbours_share_a_crop_and_strangers_do_not():
    objects = np.array([(1000.0, 800, 1100, 900), (1110, 800, 1210, 900), (2500, 100, 2600, 200)])
    assert sorted(crop.rows for crop in crops_around_objects(objects, SIZE, MODEL)) == [(0, 1), (2,)]


def test_a_small_object_beside_a_large_one_gets_a_crop_of_its_own():
    objects = np.array([(1000.0, 800, 1800, 1600), (1810, 900, 1840, 930)])
    large, small = crops_around_objects(objects, SIZE, MODEL)
    assert large.rows == (0,) and small.rows == (1,) and max(small.size_hw) < 100


def test_empty_and_huge_objects_are_in_no_crop():
    assert crops_around_objects(np.array([(0.0, 0, 0, 0), (10, 10, 2900, 1900)]), SIZE, MODEL) == []
    assert crops_around_objects(np.zeros((0, 4)), SIZE, MODEL) == []


@given(st.lists(st.tuples(st.floats(0, 2999), st.floats(0, 1999)), min_size=1, max_size=40))
def test_every_place_of_an_edge_is_well_inside_a_tile(places):
    places = np.array(places)
    tiles = tiles_along_edges({7: places}, SIZE, 512)
    for x, y in places:
        assert any(
            min(x - t.x0 if t.x0 else 99, t.x1 - x if t.x1 < 3000 else 99) >= 60
            and min(y - t.y0 if t.y0 else 99, t.y1 - y if t.y1 < 2000 else 99) >= 60
            for t in tiles
        )
    assert all(tile.rows == (7,) and tile.size_hw == (512, 512) for tile in tiles)


def test_a_tile_serves_all_objects_whose_edges_meet_there():
    edges = {0: np.array([(100.0, 100)]), 3: np.array([(120.0, 90), (2900, 1900)])}
    tiles = tiles_along_edges(edges, SIZE, 512)
    assert sorted(tile.rows for tile in tiles) == [(0, 3), (3,)]
