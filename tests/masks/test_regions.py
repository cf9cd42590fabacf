import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hqsam.errors import InputError, OptionError
from hqsam.masks.regions import components, fill_holes, innermost_point, remove_specks, squared_depth
from tests.masks.strategies import AWKWARD, draw, masks


@given(masks, st.sampled_from(["edges", "corners"]))
def test_components_are_numbered_from_the_largest(mask, touching):
    labels = components(mask, touching)
    areas = np.bincount(labels.ravel())[1:]
    assert np.array_equal(labels > 0, mask)
    assert list(areas) == sorted(areas, reverse=True)


def test_a_diagonal_is_one_piece_by_corners_and_many_by_edges():
    assert components(np.eye(6, dtype=bool)).max() == 1
    assert components(np.eye(6, dtype=bool), touching="edges").max() == 6


@given(masks, st.integers(0, 20))
def test_only_small_pieces_go_and_the_largest_stays(mask, min_area):
    cleaned = remove_specks(mask, min_area)
    labels = components(mask)
    for number in range(1, labels.max() + 1):
        piece = labels == number
        stays = piece.sum() >= min_area or number == 1
        assert cleaned[piece].all() if stays else not cleaned[piece].any()
    assert cleaned.any() == mask.any()
    assert not (cleaned & ~mask).any()


@given(masks)
def test_filling_twice_changes_nothing_more(mask):
    filled = fill_holes(mask)
    assert np.array_equal(fill_holes(filled), filled)
    assert (filled >= mask).all()


@given(masks)
def test_what_is_filled_is_what_a_flood_from_outside_does_not_reach(mask):
    flooded = np.pad(mask, 1).astype(np.uint8)
    cv2.floodFill(flooded, None, (0, 0), 1, flags=4)
    enclosed = flooded[1:-1, 1:-1] == 0
    assert np.array_equal(fill_holes(mask), mask | enclosed)


def test_holes_larger_than_asked_stay():
    mask = draw("######### #.##...## ####...## #########")
    assert fill_holes(mask, max_area=1).sum() == mask.sum() + 1
    assert fill_holes(mask, max_area=6).all()


def test_a_gap_at_the_border_is_no_hole():
    mask = draw("##.## #...# #####")
    assert np.array_equal(fill_holes(mask), mask)


def test_a_hole_in_a_ring_in_a_ring_is_filled_with_everything_in_it():
    assert fill_holes(AWKWARD["rings in rings"]).all()


@pytest.mark.parametrize("name", ["everything", "one pixel", "nothing", "nothing, one pixel"])
def test_plain_masks_are_left_alone(name):
    mask = AWKWARD[name]
    assert np.array_equal(fill_holes(mask), mask)
    assert np.array_equal(remove_specks(mask, 1000), mask)


def furthest_by_hand(mask):
    """The plain twin: the distance of every inside pixel to every outside pixel, border included."""
    padded = np.pad(mask, 1)
    inside, outside = np.argwhere(padded), np.argwhere(~padded)
    squares = ((inside[:, None] - outside[None]) ** 2).sum(axis=2).min(axis=1)
    return squares.max(), {(x - 1, y - 1): square for (y, x), square in zip(inside.tolist(), squares, strict=True)}


@given(masks.filter(np.any))
def test_the_innermost_point_is_the_furthest_from_everything_outside(mask):
    furthest, square_of_point = furthest_by_hand(mask)
    assert square_of_point[innermost_point(mask)] == furthest


@given(masks.filter(np.any))
def test_squared_depths_are_whole_numbers(mask):
    _, square_of_point = furthest_by_hand(mask)
    depths = squared_depth(mask)
    assert {(x, y): depths[y, x] for y, x in np.argwhere(mask).tolist()} == square_of_point
    assert not depths[~mask].any()


def test_the_innermost_point_of_a_full_image_is_its_middle():
    assert innermost_point(np.ones((5, 5), bool)) == (2, 2)


def test_a_piece_at_the_border_is_not_deep():
    mask = np.zeros((20, 20), bool)
    mask[:4, :] = True
    mask[10:17, 5:12] = True
    assert innermost_point(mask) == (8, 13)


def test_an_empty_mask_has_no_innermost_point():
    with pytest.raises(InputError, match="empty mask"):
        innermost_point(np.zeros((3, 3), bool))


def test_an_area_is_at_least_0():
    with pytest.raises(OptionError, match="min_area is -1; give a number of pixels"):
        remove_specks(np.ones((2, 2), bool), -1)
    with pytest.raises(OptionError, match="max_area is -1; give a number of pixels"):
        fill_holes(np.ones((2, 2), bool), -1)
