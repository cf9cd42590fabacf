import numpy as np
import pytest
from hypothesis import given

from hqsam.images.cutout import cutout, smooth_alpha, soft_alpha
from hqsam.masks.boundary import iou
from tests.masks.strategies import AWKWARD, masks

Y, X = np.indices((100, 120))
DISC = np.hypot(X - 60, Y - 50) < 30


def logits_of_a_disc(steepness):
    return (steepness * (30 - np.hypot(X - 60, Y - 50))).astype(np.float32)


@pytest.mark.parametrize("steepness", [0.05, 1.0, 40.0])
def test_the_edge_is_as_soft_however_steep_the_logits_are(steepness):
    alpha = soft_alpha(logits_of_a_disc(steepness))
    assert np.array_equal(alpha > 0.5, logits_of_a_disc(steepness) > 0)
    soft = (alpha > 0.02) & (alpha < 0.98)
    assert np.abs(np.hypot(X - 60, Y - 50)[soft] - 30).max() < 2
    assert soft.sum() > 150


def test_far_from_the_edge_alpha_is_hard_even_where_logits_are_unsure():
    alpha = soft_alpha(np.where(X < 60, -1e-4, 1e-4))
    assert (alpha[:, :56] == 0).all() and (alpha[:, 64:] == 1).all()


def test_flat_logits_make_a_hard_alpha():
    assert (soft_alpha(np.full((9, 9), -1.0)) == 0).all()
    assert (soft_alpha(np.full((9, 9), 1.0)) == 1).all()


@given(masks)
def test_the_smoothed_edge_says_exactly_where_the_mask_is(mask):
    assert np.array_equal(smooth_alpha(mask) > 0.5, mask)
    assert np.array_equal(cutout(np.zeros((*mask.shape, 3), np.uint8), mask)[..., 3] > 127, mask)


def test_only_the_edge_is_smoothed():
    alpha = smooth_alpha(DISC)
    soft = (alpha > 0.02) & (alpha < 0.98)
    assert soft.any()
    assert np.abs(np.hypot(X - 60, Y - 50)[soft] - 30).max() < 2


def test_a_cutout_shows_the_object_in_its_own_colours_and_nothing_else():
    photo = np.where(DISC[..., None], (200, 30, 40), (10, 250, 20)).astype(np.uint8)
    red, green, _, alpha = np.moveaxis(cutout(photo, DISC), 2, 0)
    assert iou(alpha > 127, DISC) > 0.99
    visible = alpha > 0
    assert np.abs(red[visible].astype(int) - 200).max() <= 6
    assert np.abs(green[visible].astype(int) - 30).max() <= 6


def test_what_cannot_be_seen_is_not_in_the_file():
    photo = np.random.default_rng(0).integers(0, 256, (100, 120, 3), np.uint8)
    pixels = cutout(photo, DISC)
    assert not pixels[pixels[..., 3] == 0].any()
    assert (pixels[..., 3] == 0).sum() > 8000


def test_alpha_is_taken_as_it_is_given():
    alpha = np.random.default_rng(0).integers(0, 256, (100, 120)) / 255
    assert np.array_equal(cutout(np.zeros((100, 120, 3), np.uint8), alpha)[..., 3], np.rint(alpha * 255))


def test_an_object_without_an_inside_keeps_its_colours():
    photo = np.full((20, 20, 3), 90, np.uint8)
    pixels = cutout(photo, np.eye(20, dtype=bool))
    assert (pixels[np.eye(20, dtype=bool)][:, :3] == 90).all()


@pytest.mark.parametrize("mask", AWKWARD.values(), ids=AWKWARD)
def test_awkward_masks_can_be_cut_out(mask):
    pixels = cutout(np.full((*mask.shape, 3), 90, np.uint8), mask)
    assert pixels.shape == (*mask.shape, 4)
    assert pixels[..., 3].any() == mask.any()


def test_the_whole_photo_can_be_cut_out():
    photo = np.random.default_rng(0).integers(0, 256, (10, 12, 3), np.uint8)
    pixels = cutout(photo, np.ones((10, 12), bool))
    assert np.array_equal(pixels[..., :3], photo) and (pixels[..., 3] == 255).all()
