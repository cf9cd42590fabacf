"""What is painted in chunks of rows is what is painted at once, to the last pixel."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hqsam.images import row_chunks
from hqsam.images.cutout import cutout, smooth_alpha, soft_alpha
from hqsam.images.draw_prompts import DrawnPrompts
from hqsam.images.label_map_overlay import label_map_overlay
from hqsam.images.overlay import overlay
from hqsam.masks.rle import encode
from hqsam.masks.runs import runs_from_rle
from tests.masks.strategies import stacks


def in_chunks_of(pixels, make):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_chunks, "PIXELS_AT_ONCE", pixels)
        return make()


def assert_same_in_bands(make, *sizes):
    whole = in_chunks_of(1 << 40, make)
    for pixels in sizes:
        np.testing.assert_array_equal(in_chunks_of(pixels, make), whole)


def smooth_noise(seed, size_hw, scale):
    """Logits with edges everywhere."""
    noise = np.random.default_rng(seed).normal(size=size_hw).astype(np.float32)
    return cv2.GaussianBlur(noise, (0, 0), scale) * scale


def photo_of(seed, size_hw):
    return np.random.default_rng(seed).integers(0, 256, (*size_hw, 3), np.uint8)


@given(st.tuples(st.integers(1, 50), st.integers(1, 20)), st.integers(0, 9), st.integers(1, 300))
def test_bands_are_all_rows_each_once_and_reach_as_far_as_asked(size_hw, margin, pixels):
    found = in_chunks_of(pixels, lambda: list(row_chunks.row_chunks(size_hw, margin)))
    rows = np.arange(size_hw[0])
    assert np.concatenate([rows[chunk.rows] for chunk in found]).tolist() == rows.tolist()
    for chunk in found:
        assert rows[chunk.around][chunk.inner].tolist() == rows[chunk.rows].tolist()
        assert chunk.around.start == max(0, chunk.rows.start - margin)
        assert len(rows[chunk.rows]) * size_hw[1] <= max(pixels, size_hw[1])


@given(stacks, st.integers(0, 99))
def test_an_overlay_of_any_masks(stack, seed):
    height, width = stack.shape[1:]
    prompts = DrawnPrompts(
        boxes=np.array([[0, 0, width, height], [1, -3, 5, 4]]),
        points=np.array([[0, 0], [width / 2, height / 2], [-5, height]]),
        labels=np.array([1, 0, 1]),
    )
    photo = photo_of(seed, (height, width))
    assert_same_in_bands(lambda: overlay(photo, stack, prompts), 1, 3 * width)


@settings(max_examples=20)
@given(st.integers(0, 999), st.sampled_from([1.0, 3.0, 12.0]), st.sampled_from([(200, 90), (150, 331), (600, 40)]))
def test_pictures_of_ragged_shapes(seed, scale, size_hw):
    logits = [smooth_noise(seed + number, size_hw, scale) for number in range(2)]
    masks = [one > 0.1 for one in logits]
    photo = photo_of(seed, size_hw)
    sizes = size_hw[1], 7 * size_hw[1], 64 * size_hw[1]
    assert_same_in_bands(lambda: overlay(photo, masks), *sizes)
    assert_same_in_bands(lambda: soft_alpha(logits[0]), *sizes)
    assert_same_in_bands(lambda: smooth_alpha(masks[0]), *sizes)
    assert_same_in_bands(lambda: cutout(photo, soft_alpha(logits[0])), *sizes)
    assert_same_in_bands(lambda: label_map_overlay(photo, [runs_from_rle(encode(mask)) for mask in masks]), *sizes)


def test_wide_lines_of_a_large_photo():
    size_hw = (2400, 1800)  # lines of 7.5 pixels
    masks = [smooth_noise(number, size_hw, 40) > 0 for number in range(2)]
    photo, prompts = photo_of(0, size_hw), DrawnPrompts(boxes=np.array([[100.5, 90, 1700, 2300]]))
    assert_same_in_bands(lambda: overlay(photo, masks, prompts), 100 * 1800, 1000 * 1800)


def test_memory_for_a_large_photo_is_bounded():
    import tracemalloc

    size_hw = (4000, 3000)
    photo, mask = photo_of(0, size_hw), smooth_noise(0, (400, 300), 20).repeat(10, 0).repeat(10, 1) > 0
    for draw, most in ((lambda: overlay(photo, [mask]), 180e6), (lambda: cutout(photo, mask), 300e6)):
        tracemalloc.start()
        draw()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < most
