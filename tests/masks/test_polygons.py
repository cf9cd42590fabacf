import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hqsam.errors import OptionError
from hqsam.masks.polygons import Polygon, along_edges, as_one_ring, from_polygons, simplify, to_polygons
from hqsam.masks.rasterize import fill_even_odd
from tests.masks.strategies import AWKWARD, draw, masks


def twice_the_area(ring):
    x, y = ring.T
    return int((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())


@given(masks)
def test_a_mask_survives_the_trip_to_polygons_and_back(mask):
    assert np.array_equal(from_polygons(to_polygons(mask), mask.shape), mask)


@pytest.mark.parametrize("mask", AWKWARD.values(), ids=AWKWARD)
def test_an_awkward_mask_survives_too(mask):
    assert np.array_equal(from_polygons(to_polygons(mask), mask.shape), mask)


def pieces(mask):
    """The parts of a mask whose pixels share edges."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    return [labels == number for number in range(1, labels.max() + 1)]


@given(masks)
def test_there_is_one_polygon_for_each_part_with_one_ring_for_each_hole_in_it(mask):
    polygons = to_polygons(mask)
    parts = pieces(mask)
    assert len(polygons) == len(parts)
    for polygon in polygons:
        here = from_polygons([polygon], mask.shape)
        assert any(np.array_equal(here, part) for part in parts)
        around = pieces(np.pad(~here, 1, constant_values=True))
        assert len(polygon.holes) == len(around) - 1


@given(masks)
def test_no_outline_passes_a_point_twice(mask):
    for polygon in to_polygons(mask):
        for ring in polygon.rings:
            assert len(np.unique(ring, axis=0)) == len(ring)


@given(masks)
def test_every_corner_turns(mask):
    for polygon in to_polygons(mask):
        for ring in polygon.rings:
            step = np.roll(ring, -1, axis=0) - ring
            assert np.array_equal(step[:, 0] == 0, np.roll(step[:, 0] != 0, 1))


@given(masks)
def test_parts_run_clockwise_holes_anticlockwise_and_the_areas_add_up(mask):
    polygons = to_polygons(mask)
    assert all(twice_the_area(polygon.exterior) > 0 for polygon in polygons)
    assert all(twice_the_area(hole) < 0 for polygon in polygons for hole in polygon.holes)
    assert sum(twice_the_area(ring) for polygon in polygons for ring in polygon.rings) == 2 * mask.sum()


@given(masks)
def test_each_hole_lies_in_its_own_part(mask):
    for polygon in to_polygons(mask):
        outside = fill_even_odd([polygon.exterior], mask.shape)
        assert all((fill_even_odd([hole], mask.shape) <= outside).all() for hole in polygon.holes)


@given(masks)
def test_one_ring_gives_the_same_pixels_by_either_rule(mask):
    ring = as_one_ring(to_polygons(mask))
    assert np.array_equal(fill_even_odd([ring] if len(ring) else [], mask.shape), mask)
    assert twice_the_area(ring) == 2 * mask.sum()


def test_overlapping_polygons_are_joined_not_cancelled():
    square = np.array([[0, 0], [4, 0], [4, 4], [0, 4]])
    both = from_polygons([Polygon(square), Polygon(square + 2)], (6, 6))
    assert both.sum() == 16 + 16 - 4


def test_a_polygon_beyond_the_image_is_cut_off():
    assert from_polygons([Polygon(np.array([[-9.0, -9], [90, -9], [90, 90], [-9, 90]]))], (3, 4)).all()
    assert not from_polygons([Polygon(np.array([[50, 50], [60, 50], [60, 60]]))], (3, 4)).any()
    assert not from_polygons([Polygon(np.array([[-50, -50], [-60, -50], [-60, -60]]))], (3, 4)).any()


def disc(radius):
    y, x = np.indices((2 * radius + 9, 2 * radius + 9)) - radius - 4
    return np.hypot(x, y) <= radius


@given(st.integers(3, 40), st.sampled_from([0.5, 1.0, 2.0, 5.0]))
def test_a_simplified_outline_stays_within_its_tolerance(radius, tolerance):
    (exact,), (simple,) = to_polygons(disc(radius)), to_polygons(disc(radius), tolerance)
    contour = simple.exterior.astype(np.float32)
    distances = [abs(cv2.pointPolygonTest(contour, corner, True)) for corner in exact.exterior.tolist()]
    assert max(distances) <= tolerance + 1e-3


def test_a_simplified_outline_has_far_fewer_corners():
    (exact,), (simple,) = to_polygons(disc(60)), to_polygons(disc(60), 1.0)
    assert len(simple.exterior) < len(exact.exterior) / 4


@given(masks, st.sampled_from([0.5, 3.0, 100.0]))
def test_simplifying_loses_no_part_and_no_hole(mask, tolerance):
    exact, simple = to_polygons(mask), to_polygons(mask, tolerance)
    assert [len(polygon.holes) for polygon in simple] == [len(polygon.holes) for polygon in exact]
    assert all(len(ring) >= 3 for polygon in simple for ring in polygon.rings)


def test_no_tolerance_changes_nothing():
    ring = np.array([[0, 0], [4, 0], [4, 4], [0, 4]])
    assert simplify(ring, 0) is ring


def test_a_large_mask_with_many_corners_survives():
    mask = np.random.default_rng(0).random((600, 800)) < 0.5
    assert np.array_equal(from_polygons(to_polygons(mask[:100]), (100, 800)), mask[:100])
    smooth = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 4) > 0.5
    assert np.array_equal(from_polygons(to_polygons(smooth), smooth.shape), smooth)


def test_the_outline_of_an_l_has_six_corners_in_order():
    (polygon,) = to_polygons(draw("#.. #.. ##."))
    assert polygon.exterior.tolist() == [[0, 0], [1, 0], [1, 2], [2, 2], [2, 3], [0, 3]]


@pytest.mark.parametrize("tolerance", [-1, -0.1, np.nan, np.inf])
def test_a_tolerance_is_a_number_of_pixels(tolerance):
    with pytest.raises(OptionError, match="tolerance is"):
        to_polygons(np.ones((2, 2), bool), tolerance)


@given(masks)
def test_corners_within_pixels_lead_back_to_the_same_outline(mask):
    exact, within = to_polygons(mask), to_polygons(mask, corners="pixel_centres")
    for one, other in zip(exact, within, strict=True):
        for ring, moved in zip(one.rings, other.rings, strict=True):
            assert np.array_equal(along_edges(moved), ring) and np.array_equal(along_edges(ring), ring)


def drawn(polygons, shape, to_whole):
    """As tools do it that take whole pixels and draw the outline, too."""
    canvas = np.zeros(shape, np.uint8)
    for polygon in polygons:
        cv2.fillPoly(canvas, [to_whole(ring).astype(np.int32) for ring in polygon.rings], 1)
    return canvas == 1


def beside_touching_corners(mask):
    """The pixels of all squares of 2 x 2 of which only two opposite ones are in the mask."""
    code = mask[:-1, :-1] * 1 + mask[1:, :-1] * 2 + mask[:-1, 1:] * 4 + mask[1:, 1:] * 8
    near = np.zeros(mask.shape, bool)
    for y, x in zip(*np.nonzero((code == 9) | (code == 6)), strict=True):
        near[y : y + 2, x : x + 2] = True
    return near


@pytest.mark.parametrize("to_whole", [np.trunc, np.round], ids=["cut off", "rounded"])
@given(mask=masks)
def test_who_draws_outlines_gets_the_mask_from_corners_within_pixels(mask, to_whole):
    """Where a hole touches another hole, or the outside, at a corner, the pixel between may be filled."""
    found = drawn(to_polygons(mask, corners="pixel_centres"), mask.shape, to_whole)
    assert found[mask].all()
    assert not (found & ~mask & ~beside_touching_corners(mask)).any()
