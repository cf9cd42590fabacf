from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hqsam.errors import DataError, OptionError
from hqsam.evaluation.compare import SavedReport, compare, interval
from hqsam.evaluation.record import Column

HQ, SAM = Column("hq", "box"), Column("sam", "box")


def report(values, column=HQ, path="a.json"):
    """A report of one column from {(case, target): (iou, boundary_iou)}."""
    return SavedReport(Path(path), {"model": "tiny"}, {column: values})


def many(count, shift=0.0, seed=0):
    values = np.random.default_rng(seed).uniform(0.2, 0.7, (count, 2)) + shift
    return {(f"photo{number // 2}", str(number)): (float(one), float(two)) for number, (one, two) in enumerate(values)}


def test_means_difference_and_wins_are_over_the_pairs():
    a = report({("p", "1"): (0.5, 0.4), ("p", "2"): (0.5, 0.4), ("q", "1"): (0.5, 0.4), ("r", "1"): (0.7, 0.4)})
    b = report({("r", "1"): (0.6, 0.4), ("q", "1"): (0.9, 0.5), ("p", "2"): (0.5, 0.4), ("p", "1"): (0.8, 0.4)})
    first, second = compare(a, b)
    assert (first.score, second.score) == ("IoU", "boundary IoU")
    assert (first.mean_a, first.mean_b) == pytest.approx((0.55, 0.70)) and first.difference == pytest.approx(0.15)
    assert first.wins == (2 + 0.5) / 4 and (first.objects, first.images) == (4, 3)
    assert second.difference == pytest.approx(0.025)


def test_the_interval_is_the_one_of_all_possible_draws():
    """Of two images there are three draws: twice the one, both, twice the other, by 1 : 2 : 1."""
    low, high = interval(np.array([0.5, 0.5]), np.array([0.6, 0.9]), np.array([0, 1]))
    assert (low, high) == pytest.approx((0.1, 0.4))
    low, high = interval(np.array([0.5, 0.5]), np.array([0.6, 0.9]), np.array([0, 1]), share=0.4)
    assert (low, high) == pytest.approx((0.25, 0.25))


def test_the_interval_of_many_is_that_of_the_normal_distribution():
    random = np.random.default_rng(5)
    gains = random.normal(0.05, 0.1, 400)
    low, high = interval(np.zeros(400), gains, np.arange(400), seed=1)
    reach = 1.96 * gains.std() / 20
    assert (low, high) == pytest.approx((gains.mean() - reach, gains.mean() + reach), abs=0.001)


def test_objects_of_one_image_are_drawn_together():
    gains = np.repeat(np.random.default_rng(2).normal(0, 0.1, 50), 8)
    together = interval(np.zeros(400), gains, np.repeat(np.arange(50), 8))
    apart = interval(np.zeros(400), gains, np.arange(400))
    assert together[1] - together[0] > 2 * (apart[1] - apart[0])


def test_an_image_with_more_objects_weighs_more():
    """Drawn to the last: the mean is over objects, not over images."""
    low, high = interval(np.zeros(4), np.array([1.0, 0, 0, 0]), np.array([0, 1, 1, 1]), share=0.2)
    assert (low, high) == pytest.approx((0.25, 0.25))


@given(st.floats(-0.2, 0.2))
def test_a_gain_that_all_share_is_sure(gain):
    for one in compare(report(many(40)), report(many(40, gain)), resamples=200):
        assert one.low == pytest.approx(gain, abs=1e-9) and one.high == pytest.approx(gain, abs=1e-9)


def test_the_same_seed_draws_the_same():
    a, b = report(many(30)), report(many(30, seed=1))
    assert compare(a, b, seed=3) == compare(a, b, seed=3) != compare(a, b, seed=4)


def test_columns_are_named_for_both():
    a = SavedReport(Path("a.json"), {}, {HQ: many(10), SAM: many(10, 0.1)})
    assert {(one.a, one.b) for one in compare(a, a)} == {(HQ, HQ), (SAM, SAM)}
    (one, _) = compare(a, a, sources=("hq", "sam"))
    assert (one.a, one.b) == (HQ, SAM) and one.difference == pytest.approx(0.1)


def test_what_cannot_be_compared_is_said():
    with pytest.raises(OptionError, match=r"a\.json has hq, box, and b\.json has sam, box"):
        compare(report(many(4)), report(many(4), SAM, "b.json"))
    fewer = {name: value for name, value in many(10).items() if name != ("photo4", "9")}
    with pytest.raises(DataError, match=r"9 objects are in both, and 1 only in one, such as 9 of photo4 in a\.json"):
        compare(report(many(10)), report(fewer, path="b.json"))
