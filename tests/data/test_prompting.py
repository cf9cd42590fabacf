"""Prompts drawn from true masks."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hqsam.data.prompting import box_of, click, correction, noisy_box, random_point

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
