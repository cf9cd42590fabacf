import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hqsam.masks.rasterize import fill_even_odd

coordinates = st.integers(-6, 30).map(lambda half: half / 2)
corners = st.tuples(coordinates, coordinates)
rings = st.lists(st.lists(corners, min_size=3, max_size=7).map(np.array), max_size=3)


def fill_pixel_by_pixel(rings, size_hw):
    """The plain twin: from each pixel's centre, count the edges to the left."""
    mask = np.zeros(size_hw, bool)
    for y, x in np.ndindex(size_hw):
        crossed = 0
        for ring in rings:
            for (xa, ya), (xb, yb) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
                if min(ya, yb) <= y + 0.5 < max(ya, yb):
                    (xa, ya), (xb, yb) = sorted([(xa, ya), (xb, yb)], key=lambda corner: corner[1])
                    crossed += xa + (y + 0.5 - ya) * ((xb - xa) / (yb - ya)) <= x + 0.5
        mask[y, x] = crossed % 2
    return mask


@given(rings, st.tuples(st.integers(1, 12), st.integers(1, 12)))
def test_filling_agrees_with_counting_edges_pixel_by_pixel(rings, size_hw):
    assert np.array_equal(fill_even_odd(rings, size_hw), fill_pixel_by_pixel(rings, size_hw))


def test_nothing_fills_nothing():
    assert not fill_even_odd([], (3, 4)).any()


def test_a_circle_fills_the_pixels_whose_centres_are_in_it():
    angles = np.linspace(0, 2 * math.pi, 2000, endpoint=False)
    circle = np.stack([30 + 20.2 * np.cos(angles), 25 + 20.2 * np.sin(angles)], axis=1)
    y, x = np.indices((50, 60)) + 0.5
    assert np.array_equal(fill_even_odd([circle], (50, 60)), np.hypot(x - 30, y - 25) < 20.2)


def test_an_edge_walked_there_and_back_leaves_no_trace():
    square = np.array([[2, 2], [8, 2], [8, 8], [2, 8]])
    with_a_spike = np.array([[2, 2], [11.3, 0.7], [2, 2], [8, 2], [8, 8], [2, 8]])
    assert np.array_equal(fill_even_odd([with_a_spike], (12, 12)), fill_even_odd([square], (12, 12)))
