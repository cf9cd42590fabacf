"""Hundreds of masks in one picture."""

import numpy as np

from hqsam.images.label_map_overlay import label_map_overlay
from hqsam.images.palette import colour_of
from hqsam.masks.runs import runs_from_parts

PHOTO = np.full((120, 160, 3), 100, np.uint8)


def rectangle(x0, y0, x1, y1):
    mask = np.zeros(PHOTO.shape[:2], bool)
    mask[y0:y1, x0:x1] = True
    return runs_from_parts([(mask, 0, 0)], 120)


def test_each_mask_has_a_veil_of_its_colour_small_ones_on_top():
    picture = label_map_overlay(PHOTO, [rectangle(10, 10, 110, 110), rectangle(40, 40, 70, 70)], opacity=0.5)
    for index, (x, y) in enumerate([(20, 20), (55, 55)]):
        expected = (100 + np.array(colour_of(index))) / 2
        np.testing.assert_allclose(picture[y, x], expected, atol=1)
    assert picture[100, 150].tolist() == [100, 100, 100], "the photo itself where there is no mask"


def test_a_line_runs_where_the_colour_changes():
    picture = label_map_overlay(PHOTO, [rectangle(10, 10, 110, 110)]).astype(int)
    assert np.abs(picture[60, 10] - picture[60, 20]).max() > 30


def test_of_no_masks_the_photo_is_left():
    assert np.array_equal(label_map_overlay(PHOTO, []), PHOTO)


def test_a_photo_with_a_thousand_masks_is_drawn():
    rng = np.random.default_rng(0)
    corners = rng.integers(0, (150, 110), (1000, 2))
    picture = label_map_overlay(PHOTO, [rectangle(x, y, x + 9, y + 7) for x, y in corners])
    assert picture.shape == PHOTO.shape and len(np.unique(picture.reshape(-1, 3), axis=0)) > 20
