import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hqsam.images.draw_prompts import DrawnPrompts
from hqsam.images.overlay import line_width, overlay
from hqsam.images.palette import NEGATIVE, POSITIVE, colour_of
from tests.masks.strategies import AWKWARD, stacks

GREY = np.full((120, 160, 3), 128, np.uint8)


def square(y0, x0, y1, x1):
    mask = np.zeros((120, 160), bool)
    mask[y0:y1, x0:x1] = True
    return mask


def near(pixel, colour, tolerance=2):
    return np.abs(pixel.astype(int) - colour).max() <= tolerance


def test_far_from_masks_and_prompts_the_photo_is_untouched():
    drawn = overlay(GREY, [square(20, 20, 60, 60)])
    assert np.array_equal(drawn[:, 80:], GREY[:, 80:])


def test_inside_a_mask_the_photo_shines_through_a_veil():
    drawn = overlay(GREY, [square(20, 20, 60, 60)], opacity=0.5)
    assert near(drawn[40, 40], (128 + np.array(colour_of(0))) / 2)


def test_the_contour_has_the_full_colour():
    drawn = overlay(GREY, [square(20, 20, 60, 60)])
    brightest = [np.abs(drawn[40, x].astype(int) - colour_of(0)).max() for x in range(15, 25)]
    assert min(brightest) < 40


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_small_mask_is_seen_on_top_of_a_large_one(order):
    masks = [square(10, 10, 110, 150), square(40, 40, 80, 80)]
    drawn = overlay(GREY, [masks[index] for index in order], colours=[(0, 0, index * 255) for index in order])
    assert drawn[20, 80, 2] < 128 < drawn[60, 60, 2]


def test_the_photo_itself_is_not_changed():
    photo = GREY.copy()
    overlay(photo, [square(20, 20, 60, 60)], DrawnPrompts(boxes=np.array([[20, 20, 60, 60]])))
    assert np.array_equal(photo, GREY)


def test_clicks_are_green_with_a_plus_and_red_with_a_minus():
    prompts = DrawnPrompts(points=np.array([[40, 50], [100, 50]]), labels=np.array([1, 0]))
    drawn = overlay(GREY, [], prompts)
    assert near(drawn[48, 38], POSITIVE) and near(drawn[48, 98], NEGATIVE)
    assert near(drawn[50, 40], 255) and near(drawn[50, 100], 255)
    assert near(drawn[53, 40], 255) and not near(drawn[53, 100], 255)


def test_padding_among_the_clicks_is_not_drawn():
    prompts = DrawnPrompts(points=np.array([[40, 50]]), labels=np.array([-1]))
    assert np.array_equal(overlay(GREY, [], prompts), GREY)


def test_a_box_is_drawn_along_its_edges_only():
    drawn = overlay(GREY, [], DrawnPrompts(boxes=np.array([[30, 20, 130, 100]])))
    assert near(drawn[19:21, 80].max(axis=0), 255, 60)
    assert np.array_equal(drawn[30:90, 40:120], GREY[30:90, 40:120])


def test_prompts_beyond_the_image_do_no_harm():
    prompts = DrawnPrompts(
        boxes=np.array([[-50, -50, 500, 500], [-90, -90, -80, -80]]),
        points=np.array([[0, 0], [-400, 3], [159, 119]]),
        labels=np.array([1, 0, 1]),
    )
    assert overlay(GREY, [], prompts).shape == GREY.shape


@pytest.mark.parametrize("mask", AWKWARD.values(), ids=AWKWARD)
def test_awkward_masks_can_be_drawn(mask):
    photo = np.zeros((*mask.shape, 3), np.uint8)
    drawn = overlay(photo, [mask])
    assert drawn.any() == mask.any()


@given(stacks, st.booleans())
def test_any_masks_can_be_drawn_on_any_size(stack, with_prompts):
    height, width = stack.shape[1:]
    prompts = DrawnPrompts(boxes=np.array([[0, 0, width, height]]), points=np.array([[0, 0]]), labels=np.array([1]))
    photo = np.full((height, width, 3), 7, np.uint8)
    assert overlay(photo, stack, prompts if with_prompts else None).shape == photo.shape


def test_no_masks_leave_the_photo_as_it_is():
    assert np.array_equal(overlay(GREY, []), GREY)


def test_lines_grow_with_the_photo():
    assert line_width((100, 100)) == 1.5
    assert line_width((3000, 4000)) == 12.5


def test_the_first_twenty_one_objects_have_different_colours():
    assert len({colour_of(index) for index in range(21)}) == 21
