"""Snap: edges of masks move to edges of the photo, and nothing else changes."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hqsam.images.guided_filter import guided_filter
from hqsam.masks.boundary import boundary_iou
from hqsam.predict.snap import SnapConfig, snap_mask
from tests.tiny import tiny_segmenter

FEW = settings(max_examples=40, deadline=None)


def disc(size_hw, centre, radius):
    y, x = np.ogrid[: size_hw[0], : size_hw[1]]
    return (x - centre[0]) ** 2 + (y - centre[1]) ** 2 <= radius**2


def photo_of(mask, noise=6, seed=0):
    """Return a photo on which the mask is red and the rest green."""
    colours = np.where(mask[..., None], (180, 70, 60), (60, 130, 70)).astype(np.float32)
    return np.clip(colours + np.random.default_rng(seed).normal(0, noise, colours.shape), 0, 255).astype(np.uint8)


def masks():
    return st.builds(blobs, st.integers(0, 999), st.integers(1, 60), st.integers(1, 60), st.sampled_from([1, 3, 9]))


def blobs(seed, height, width, coarseness):
    """Return a mask of random pieces and holes."""
    noise = np.random.default_rng(seed).normal(size=(height, width)).astype(np.float32)
    return cv2.GaussianBlur(noise, (0, 0), coarseness) > 0.02


def pieces(inside, neighbours):
    return cv2.connectedComponents(inside.astype(np.uint8), connectivity=neighbours)


def islands_and_holes(mask):
    """Numbers of both, counting what is around; a hole is what no path along pixels' edges leads out of."""
    return pieces(mask, 8)[0], pieces(~mask, 4)[0]


def test_an_edge_that_is_some_pixels_off_finds_the_photo_s():
    truth = disc((300, 400), (200, 150), 80)
    photo, rough = photo_of(truth), disc((300, 400), (202, 149), 78)
    snapped = snap_mask(rough, photo)
    assert boundary_iou(rough, truth) < 0.8
    assert boundary_iou(snapped, truth) > 0.97


@FEW
@given(mask=masks(), seed=st.integers(0, 99), band=st.sampled_from([0.01, 0.05, 0.3]))
def test_outside_the_band_nothing_changes_and_no_piece_or_hole_is_new(mask, seed, band):
    photo = np.random.default_rng(seed).integers(0, 256, (*mask.shape, 3), np.uint8)
    snapped = snap_mask(mask, photo, SnapConfig(band=band))
    assert snapped.shape == mask.shape and snapped.dtype == bool
    assert np.less_equal(islands_and_holes(snapped), islands_and_holes(mask)).all()
    for before, after, neighbours in ((mask, snapped, 8), (~mask, ~snapped, 4)):
        count, labels = pieces(before, neighbours)
        assert set(labels[after & before]) == set(range(1, count)), "an island or a hole is lost"
    reach = max(1.0, band * np.hypot(*mask.shape))
    for inside in (mask, ~mask):
        deep = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3) > reach
        assert (snapped[deep] == mask[deep]).all()
    np.testing.assert_array_equal(snap_mask(mask, photo, SnapConfig(band=band)), snapped)


@pytest.mark.parametrize("thin", [disc((480, 640), (320, 240), 4), disc((480, 640), (320, 240), 90)])
def test_where_the_photo_shows_no_edge_the_mask_s_stays(thin):
    thin = thin.copy()
    thin[100:103, 50:600] = True  # thinner than the band
    snapped = snap_mask(thin, np.full((480, 640, 3), 128, np.uint8))
    np.testing.assert_array_equal(snapped[:150], thin[:150])
    assert boundary_iou(snapped, thin) > 0.9


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 9), (7, 1), (40, 30)])
@pytest.mark.parametrize("value", [True, False])
def test_full_and_empty_masks_stay(size_hw, value):
    mask = np.full(size_hw, value)
    np.testing.assert_array_equal(snap_mask(mask, photo_of(mask)), mask)


def test_a_session_snaps_masks_and_leaves_logits():
    photo = photo_of(disc((96, 128), (60, 50), 30))
    session = tiny_segmenter().open(photo)
    plain, snapped = (session.segment(box=(20, 10, 100, 90), snap=snap) for snap in (False, True))
    np.testing.assert_array_equal(snapped.logits, plain.logits)
    np.testing.assert_array_equal(snapped.masks[0], snap_mask(plain.masks[0], photo))
    again = session.segment(points=[(60, 50)], labels=[1], refine=snapped)
    assert again.masks.shape == plain.masks.shape


def plain_guided_filter(image, values, radius, eps):
    """The definition, window by window, for small images."""
    colours, (height, width) = image / 255, values.shape
    padded = [
        cv2.copyMakeBorder(each, *[radius] * 4, cv2.BORDER_REFLECT) for each in (colours, values.astype(np.float64))
    ]
    slopes, offsets = np.zeros((height, width, 3)), np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            window = np.s_[y : y + 2 * radius + 1, x : x + 2 * radius + 1]
            inside, wanted = padded[0][window].reshape(-1, 3), padded[1][window].reshape(-1)
            covariance = np.cov(inside.T, bias=True) + eps * np.eye(3)
            mean, of_values = inside.mean(axis=0), wanted.mean()
            slopes[y, x] = np.linalg.solve(covariance, (inside * wanted[:, None]).mean(axis=0) - mean * of_values)
            offsets[y, x] = of_values - slopes[y, x] @ mean
    side, border = (2 * radius + 1,) * 2, cv2.BORDER_REFLECT
    slopes, offsets = (
        cv2.boxFilter(slopes, -1, side, borderType=border),
        cv2.boxFilter(offsets, -1, side, borderType=border),
    )
    return (slopes * colours).sum(axis=2) + offsets


def test_the_filter_is_the_one_of_the_definition():
    mask = disc((20, 24), (12, 9), 6)
    photo = photo_of(mask, noise=25)
    found = guided_filter(photo, mask.astype(np.float32), 3, 1e-2)
    np.testing.assert_allclose(found, plain_guided_filter(photo, mask.astype(float), 3, 1e-2), atol=2e-3)


def test_a_large_photo_is_filtered_at_a_smaller_scale_with_nearly_the_same_result():
    mask = disc((400, 500), (240, 200), 120)
    photo = photo_of(mask)
    exact, quick = (
        guided_filter(photo, mask.astype(np.float32), 10, 1e-4, most_pixels) > 0.5 for most_pixels in (10**6, 50_000)
    )
    assert boundary_iou(exact, quick) > 0.97
