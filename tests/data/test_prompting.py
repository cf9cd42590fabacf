"""Prompts drawn from true masks."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch.nn import functional as F

from hqsam.data.prompting import (
    box_of,
    click,
    correction,
    distinct_points,
    larger_error,
    noisy_box,
    noisy_mask,
    paper_prompt,
    random_point,
    several_clicks,
)
from hqsam.prompts import BOX_END, BOX_START, NEGATIVE, PADDING, POSITIVE

MASKS = arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))).filter(lambda mask: mask.any())
SEEDS = st.integers(0, 2**32 - 1)


def inside(mask: np.ndarray, point: np.ndarray) -> bool:
    x, y = (int(value) for value in point)
    return bool(mask[y, x])


def test_the_box_ends_on_the_last_pixel_as_in_the_official_training():
    mask = np.zeros((5, 6), bool)
    mask[1:3, 2:5] = True
    assert box_of(mask).tolist() == [2, 1, 4, 2]


@given(MASKS, SEEDS)
def test_a_noisy_box_stays_in_the_image_and_in_order(mask, seed):
    x0, y0, x1, y1 = noisy_box(mask, np.random.default_rng(seed))
    assert 0 <= x0 <= x1 <= mask.shape[1] - 1
    assert 0 <= y0 <= y1 <= mask.shape[0] - 1


def test_box_noise_has_the_deviation_asked_for_and_no_more_than_its_limit():
    mask = np.zeros((400, 400), bool)
    mask[100:300, 150:250] = True
    random = np.random.default_rng(0)
    moves = np.stack([noisy_box(mask, random) for _ in range(4000)]) - box_of(mask)
    assert np.abs(moves).max() <= 20
    assert np.allclose(moves[:, 0].std(), 10 * 0.97, atol=0.4)  # a tenth of 100, cut off at two deviations


@given(MASKS, SEEDS, st.integers(2, 9))
def test_several_clicks_are_on_the_object_or_said_to_be_beside_it(mask, seed, count):
    points, labels, no_mask = several_clicks(mask, count, np.random.default_rng(seed))
    assert no_mask is None and labels[0] == POSITIVE and labels[-1] == PADDING and len(points) == count + 1
    for point, label in zip(points[:-1], labels[:-1], strict=True):
        assert label in (POSITIVE, NEGATIVE)
        assert inside(mask, point) == (label == POSITIVE)


@given(MASKS, SEEDS)
def test_clicks_are_inside(mask, seed):
    random = np.random.default_rng(seed)
    assert inside(mask, random_point(mask, random))
    assert inside(mask, click(mask, random))


@given(MASKS, SEEDS)
def test_a_correction_is_where_the_answer_is_wrong_and_says_how(truth, seed):
    random = np.random.default_rng(seed)
    predicted = random.random(truth.shape) > 0.5
    point, label = correction(truth, predicted, random)
    if (truth == predicted).all():
        assert inside(truth, point)
        assert label == 1
    else:
        assert inside(truth != predicted, point)
        assert inside(truth, point) == bool(label)


def test_a_noisy_mask_is_wrong_only_where_the_mask_differs_from_a_coarse_one():
    coverage = np.zeros((1024, 1024), np.float32)
    coverage[200:800, 300:903] = 1
    given_mask = noisy_mask(coverage, 256, np.random.default_rng(0))
    clean = F.interpolate(torch.tensor(coverage)[None, None], (256, 256), mode="bilinear")
    coarse = F.interpolate(F.interpolate(clean, (32, 32), mode="bilinear"), (256, 256), mode="bilinear")
    band = ((clean - coarse).abs() >= 0.01)[0, 0].numpy()
    inside = clean[0, 0].numpy() > 0.5
    assert set(np.unique(given_mask)) == {0, 255}
    assert ((given_mask > 0) == inside)[~band].all()
    wrong = ((given_mask > 0) != inside)[band].mean()
    assert 0.25 < wrong < 0.37  # a half away from the threshold, normal noise of 1 crosses it in 31 % of the cases


def test_the_paper_s_prompts_come_a_third_each_and_small_objects_get_no_clicks():
    large, small = np.zeros((64, 64), np.float32), np.zeros((64, 64), np.float32)
    large[10:40, 10:50], small[3, 3:12] = 1, 1
    random = np.random.default_rng(0)
    tokens = [len(paper_prompt(large, 16, random).labels) for _ in range(1500)]
    assert {count: 0.28 < tokens.count(count) / 1500 < 0.39 for count in (0, 2, 11)} == dict.fromkeys((0, 2, 11), True)
    assert {len(paper_prompt(small, 16, random).labels) for _ in range(100)} == {0, 2}


def test_each_of_the_paper_s_prompts_is_as_the_official_training_has_it():
    coverage = np.zeros((64, 64), np.float32)
    coverage[10:40, 20:50] = 1
    coverage[9, 20:50] = 128 / 255  # a grey edge: the mask is what is above 128 of 255
    random = np.random.default_rng(0)
    box = paper_prompt(coverage, 16, random, "box")
    assert box.points.tolist() == [[20, 10], [49, 39]]
    assert box.labels.tolist() == [BOX_START, BOX_END]
    clicks = paper_prompt(coverage, 16, random, "clicks")
    assert clicks.labels.tolist() == [POSITIVE] * 10 + [PADDING]
    assert len({tuple(point) for point in clicks.points[:10]}) == 10
    assert all(coverage[int(y), int(x)] == 1 for x, y in clicks.points[:10])
    mask = paper_prompt(coverage, 16, random, "mask")
    assert (len(mask.labels), mask.mask.shape, box.mask, clicks.mask) == (0, (16, 16), None, None)


def test_of_two_errors_of_one_size_what_is_missing_comes_first():
    truth, predicted = np.eye(4, dtype=bool), np.eye(4, dtype=bool)[::-1]
    missing, label = larger_error(predicted, truth)
    assert (missing.tolist(), label) == (truth.tolist(), 1)
    assert larger_error(truth, truth) is None


@given(MASKS, st.integers(1, 5), SEEDS)
def test_distinct_points_are_different_pixels_of_the_region(mask, count, seed):
    count = min(count, int(mask.sum()))
    points = distinct_points(mask, count, np.random.default_rng(seed))
    assert len({tuple(point) for point in points}) == count
    assert all(inside(mask, point) for point in points)
