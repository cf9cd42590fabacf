"""Image pixels to model pixels and back, by official SAM's arithmetic."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from hqsam.geometry import Frame, box_areas, clip_boxes

sides = st.integers(1, 5000)
padded_frames = st.builds(Frame, st.tuples(sides, sides), st.sampled_from([64, 512, 1024]))
frames = st.builds(Frame, st.tuples(sides, sides), st.sampled_from([64, 512, 1024]), st.sampled_from(["pad", "squash"]))
small_frames = st.builds(
    Frame, st.tuples(st.integers(1, 300), st.integers(1, 300)), st.just(64), st.sampled_from(["pad", "squash"])
)


@given(padded_frames)
def test_the_long_side_fills_the_square_and_the_short_one_keeps_its_share(frame):
    resized, true = frame.resized_hw, frame.image_size_hw
    assert max(resized) == frame.model_size
    scale = frame.model_size / max(true)
    for side, original in zip(resized, true, strict=True):
        assert 1 <= side <= frame.model_size
        assert abs(side - original * scale) <= 1


@given(frames)
def test_a_squashed_image_fills_the_square(frame):
    squashed = replace(frame, fit="squash")
    height, width = frame.image_size_hw
    assert squashed.resized_hw == (frame.model_size, frame.model_size)
    np.testing.assert_allclose(squashed.points_to_model(np.array([[width, height]])), frame.model_size)


def test_a_square_image_is_the_same_padded_and_squashed():
    pad, squash = Frame((100, 100), 64), Frame((100, 100), 64, "squash")
    points = np.array([[3.5, 80], [99, 0]])
    np.testing.assert_array_equal(pad.points_to_model(points), squash.points_to_model(points))


@pytest.mark.parametrize(
    ("size_hw", "resized_hw"),
    [((1365, 2048), (683, 1024)), ((400, 600), (683, 1024)), ((427, 300), (1024, 719)), ((1024, 1024),) * 2],
)
def test_sides_are_rounded_half_up_as_official_sam_does(size_hw, resized_hw):
    assert Frame(size_hw, 1024).resized_hw == resized_hw


def test_a_very_thin_image_keeps_one_row():
    assert Frame((3, 20000), 1024).resized_hw == (1, 1024)
    assert Frame((20000, 3), 1024).resized_hw == (1024, 1)


def test_x_and_y_are_scaled_apart_by_the_rounded_sides():
    frame = Frame((427, 300), 1024)
    np.testing.assert_array_equal(
        frame.points_to_model(np.array([[150, 235]])), [[150 * (719 / 300), 235 * (1024 / 427)]]
    )


@given(frames, st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=5))
def test_points_survive_the_trip_to_the_model_and_back(frame, shares):
    height, width = frame.image_size_hw
    points = np.array(shares) * [width, height]
    in_model = frame.points_to_model(points)
    assert (in_model <= np.array(frame.resized_hw[::-1]) * (1 + 1e-12)).all()
    np.testing.assert_allclose(frame.points_to_image(in_model), points, rtol=1e-9, atol=1e-9)


@given(frames)
def test_boxes_are_scaled_as_their_corners(frame):
    boxes = np.array([[0, 0, 7, 5], [2, 1, 3, 9]])
    in_model = frame.boxes_to_model(boxes)
    np.testing.assert_array_equal(in_model.reshape(-1, 2), frame.points_to_model(boxes.reshape(-1, 2)))
    np.testing.assert_allclose(frame.boxes_to_image(in_model), boxes)


def official_masks_to_image(logits, size_hw, resized_hw, model_size):
    """What segment-anything's `postprocess_masks` does, written down once more."""
    square = F.interpolate(logits[:, None], (model_size, model_size), mode="bilinear", align_corners=False)
    cut = square[..., : resized_hw[0], : resized_hw[1]]
    return F.interpolate(cut, size_hw, mode="bilinear", align_corners=False)[:, 0]


def some_logits(masks=2, size=16):
    coarse = torch.randn(masks, 1, 5, 5, generator=torch.Generator().manual_seed(masks))
    return F.interpolate(coarse, (size, size), mode="bicubic")[:, 0]


def test_logits_reach_the_image_in_the_two_official_steps():
    frame, logits = Frame((53, 87), 64), some_logits()
    assert torch.equal(frame.masks_to_image(logits), official_masks_to_image(logits, (53, 87), frame.resized_hw, 64))


def test_logits_of_a_squashed_image_reach_it_in_one_step():
    frame, logits = Frame((53, 87), 64, "squash"), some_logits()
    expected = F.interpolate(logits[:, None], (53, 87), mode="bilinear", align_corners=False)[:, 0]
    assert torch.equal(frame.masks_to_image(logits), expected)


@settings(deadline=None)
@given(small_frames)
def test_masks_made_in_bands_are_those_made_at_once(frame):
    logits = some_logits()
    assert torch.equal(frame.masks_in_image(logits), frame.masks_to_image(logits) > 0)


def test_masks_of_a_large_photo_made_in_many_bands_are_those_made_at_once():
    frame, logits = Frame((1365, 2048), 256), some_logits(size=64)
    assert torch.equal(frame.masks_in_image(logits), frame.masks_to_image(logits) > 0)


def test_a_window_is_that_part_of_the_whole():
    frame, logits = Frame((1365, 2048), 256), some_logits(size=64)
    rows, columns = slice(300, 341), slice(1024, 2048)
    window = frame.window_in_image(logits[0], rows, columns)
    torch.testing.assert_close(window, frame.masks_to_image(logits)[0][rows, columns], rtol=0, atol=1e-5)
    assert torch.equal(window > 0, frame.masks_in_image(logits)[0][rows, columns])


@given(small_frames, st.data())
def test_any_window_of_any_image_is_that_part_of_the_whole(frame, data):
    logits = some_logits(1)
    spans = [sorted(data.draw(st.tuples(*[st.integers(0, side)] * 2), "span")) for side in frame.image_size_hw]
    rows, columns = (slice(start, stop) for start, stop in spans)
    whole = frame.masks_to_image(logits)[0][rows, columns]
    torch.testing.assert_close(frame.window_in_image(logits[0], rows, columns), whole, rtol=0, atol=1e-4)
    mask = np.zeros(whole.shape, bool)
    for left, some in frame.mask_columns(logits[0].numpy(), rows, columns):
        mask[:, left - columns.start : left - columns.start + len(some)] = some.T
    assert not (mask != (whole > 0).numpy())[(whole.abs() > 1e-4).numpy()].any()


def test_a_mask_in_the_model_is_the_share_of_each_cell_it_covers():
    mask = np.zeros((32, 64), bool)
    mask[:, :34] = True
    covered = Frame((32, 64), 64).mask_to_model(mask, 16)
    assert covered.shape == (16, 16)
    np.testing.assert_allclose(covered[:8, :8], 1)
    np.testing.assert_allclose(covered[:8, 8], 0.5)
    assert not covered[:8, 9:].any()
    assert not covered[8:].any()


@pytest.mark.parametrize("fit", ["pad", "squash"])
@pytest.mark.parametrize("size_hw", [(3, 20000), (1, 1), (900, 1200), (5, 3)])
def test_a_full_mask_of_any_size_fills_its_part_of_the_square(size_hw, fit):
    frame = Frame(size_hw, 64, fit)
    covered = frame.mask_to_model(np.ones(size_hw, bool), 16)
    np.testing.assert_allclose(covered.sum() * 16, np.prod(frame.resized_hw), rtol=1e-5)


def test_a_box_is_cut_at_the_edges_of_the_image():
    boxes = np.array([[-5.0, 2, 7, 99], [20, 0, 30, 9]])
    clipped = clip_boxes(boxes, (10, 12))
    assert clipped[0].tolist() == [0, 2, 7, 10]
    assert box_areas(clipped).tolist() == [56, 0]
