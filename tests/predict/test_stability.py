"""Small logits say of a mask what the mask of the photo's size says."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from hqsam.geometry import Frame
from hqsam.masks.boxes import box_of_mask
from hqsam.predict.stability import measure_stability


def some_logits(seed, coarse, size=64, masks=6):
    noise = torch.randn(masks, 1, coarse, coarse, generator=torch.Generator().manual_seed(seed))
    return 4 * F.interpolate(noise, (size, size), mode="bicubic")[:, 0] - 1


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.sampled_from([3, 5, 9, 16]), st.sampled_from([(256, 256), (300, 420), (611, 280)]))
def test_stability_and_boxes_are_those_of_the_photo_s_size(seed, coarse, size_hw):
    frame, logits = Frame(size_hw, 256), some_logits(seed, coarse)
    full = frame.masks_to_image(logits)
    measured = {one.row: one for one in measure_stability(logits, frame, 1.0, 0.0)}
    for row, whole in enumerate(full.numpy()):
        if not (whole > 0).any():
            continue
        stability = np.count_nonzero(whole > 1) / np.count_nonzero(whole > -1)
        assert measured[row].stability == pytest.approx(stability, abs=0.02)
        scale = max(size_hw) / 256
        np.testing.assert_allclose(measured[row].box_xyxy, box_of_mask(whole > 0), atol=2 + 4 * scale)


SIZES = [(256, 256), (300, 420), (611, 280), (90, 60), (700, 900), (40, 300)]


def exact_stabilities(logits, frame):
    """Counted in the image's pixels; of the masks that are not empty, by their rows."""
    full = frame.masks_to_image(logits).numpy()
    return {
        row: np.count_nonzero(whole > 1) / np.count_nonzero(whole > -1)
        for row, whole in enumerate(full)
        if (whole > 0).any()
    }


@settings(max_examples=60)
@given(
    st.integers(0, 10**6),
    st.sampled_from([2, 3, 5, 9, 16, 33]),
    st.sampled_from(SIZES),
    st.sampled_from([-3, -1, 2]),
    st.floats(-0.02, 0.02),
    st.floats(0.05, 0.9),
)
def test_every_decision_is_that_of_the_image_s_pixels(seed, coarse, size_hw, bias, off, any_least):
    """Also of logits like noise, of which cheap counts are off by up to 0.017."""
    frame, logits = Frame(size_hw, 256), some_logits(seed, coarse) + 1 + bias
    exact = exact_stabilities(logits, frame)
    for least in {any_least, *(one + off for one in exact.values() if 0 < one + off <= 1)}:
        kept = {one.row for one in measure_stability(logits, frame, 1.0, least)}
        assert kept == {row for row, stability in exact.items() if stability >= least}


def test_a_decision_that_is_close_is_made_in_the_photo_s_pixels():
    frame, logits = Frame((300, 420), 256), some_logits(1, 5, masks=1)
    full = frame.masks_to_image(logits)[0].numpy()
    exact = np.count_nonzero(full > 1) / np.count_nonzero(full > -1)
    (close,) = measure_stability(logits, frame, 1.0, exact - 1e-6)
    assert close.stability == pytest.approx(exact, abs=1e-6)
    assert not list(measure_stability(logits, frame, 1.0, exact + 1e-4))


def test_the_window_has_all_that_the_mask_is_made_of():
    frame, logits = Frame((300, 420), 256), some_logits(2, 9)
    for one in measure_stability(logits, frame, 1.0, 0.0):
        whole = np.full((64, 64), -1, np.float32)
        whole[one.window] = one.logits
        masks = frame.masks_in_image(torch.stack([torch.from_numpy(whole), logits[one.row]]))
        assert torch.equal(masks[0], masks[1])


def test_empty_masks_and_those_in_the_padding_are_nothing():
    frame = Frame((128, 256), 256)
    logits = torch.full((2, 64, 64), -5.0)
    logits[1, 40:, :] = 5
    assert not list(measure_stability(logits, frame, 1.0, 0.0))
