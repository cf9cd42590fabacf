"""Joining masks of slices: every rule beside a plain twin, and properties that hold for any labels."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hqsam.errors import OptionError
from hqsam.masks.rle import encode
from hqsam.volumes.join_slices import SliceJoiner, ious

LABELS = arrays(np.uint8, st.tuples(st.integers(1, 5), st.just(6), st.just(7)), elements=st.integers(0, 3))
"""Slices of labels, each with its own numbers."""


def masks_of(plane):
    return [plane == number for number in np.unique(plane[plane > 0])]


def joined(slices, **options):
    """A label volume in which each object has one number from 1 on."""
    joiner, volume = SliceJoiner(**options), np.zeros(slices.shape, np.int64)
    for plane, result in zip(slices, volume, strict=True):
        masks = masks_of(plane)
        for mask, number in zip(masks, joiner.push([encode(mask) for mask in masks]), strict=True):
            result[mask] = number + 1
    return volume


def plainly_joined(slices, least):
    """The same without gaps, by union over all pairs of neighbouring slices."""
    volume, count = np.zeros(slices.shape, np.int64), 0
    for index, plane in enumerate(slices):
        before = [] if index == 0 else [volume[index - 1] == n for n in np.unique(volume[index - 1]) if n]
        masks = masks_of(plane)
        table = np.array([[(a & b).sum() / (a | b).sum() for b in before] for a in masks]).reshape(
            len(masks), len(before)
        )
        for row, mask in enumerate(masks):
            best = table[row].argmax() if before else -1
            if before and table[row, best] >= least and table[:, best].argmax() == row:
                volume[index][mask] = volume[index - 1][before[best]][0]
            else:
                count += 1
                volume[index][mask] = count
    return volume


def same_objects(one, other):
    """True if two label volumes divide their voxels in the same way, whatever the numbers."""
    pairs = {(int(a), int(b)) for a, b in zip(one.ravel(), other.ravel(), strict=True)}
    return len({a for a, _ in pairs}) == len(pairs) == len({b for _, b in pairs})


@settings(max_examples=40)
@given(LABELS)
def test_joining_is_that_of_the_plain_twin(slices):
    assert same_objects(joined(slices, least_overlap=0.3, max_gap=0), plainly_joined(slices, 0.3))


@settings(max_examples=40)
@given(LABELS, st.integers(0, 2))
def test_masks_are_only_renumbered(slices, gap):
    volume = joined(slices, max_gap=gap)
    assert ((volume > 0) == (slices > 0)).all()
    for plane, result in zip(slices, volume, strict=True):
        assert same_objects(plane, result)  # no two masks of a slice become one, and none is torn
    numbers = np.unique(volume[volume > 0])
    assert numbers.tolist() == list(range(1, len(numbers) + 1))


@settings(max_examples=40)
@given(LABELS, st.permutations([1, 2, 3]))
def test_numbers_of_the_slices_do_not_matter(slices, order):
    """With an IoU above a half there is one partner at most, so that order cannot decide."""
    renamed = slices.copy()
    for old, new in zip((1, 2, 3), order, strict=True):
        renamed[slices == old] = new
    renamed[::2] = slices[::2]
    assert same_objects(joined(slices, least_overlap=0.51, max_gap=0), joined(renamed, least_overlap=0.51, max_gap=0))


@settings(max_examples=40)
@given(LABELS)
def test_up_and_down_give_the_same_objects(slices):
    up, down = (joined(each, least_overlap=0.51, max_gap=0) for each in (slices, slices[::-1]))
    assert same_objects(up, down[::-1])


@settings(max_examples=40)
@given(LABELS)
def test_what_joins_without_gaps_joins_with_them(slices):
    without, with_gaps = (joined(slices, least_overlap=0.51, max_gap=gap) for gap in (0, 2))
    for plane, other in itertools.pairwise(range(len(slices))):
        for number in np.unique(without[plane][without[plane] > 0]):
            if (without[other] == number).any():
                there = with_gaps[plane][without[plane] == number][0]
                assert (with_gaps[other][without[other] == number] == there).all()


def square(left, size=10):
    mask = np.zeros((40, 40), bool)
    mask[10 : 10 + size, left : left + size] = True
    return encode(mask)


def test_an_object_may_be_missing_on_a_slice():
    for gap, expected in ((0, [[0], [], [1]]), (1, [[0], [], [0]])):
        joiner = SliceJoiner(max_gap=gap)
        assert [joiner.push(masks) for masks in ([square(5)], [], [square(6)])] == expected


def test_the_nearer_slice_goes_first():
    joiner = SliceJoiner(max_gap=1, least_overlap=0.3)
    assert joiner.push([square(5)]) == [0]
    assert joiner.push([square(20)]) == [1]
    assert joiner.push([square(6), square(20)]) == [0, 1]


def test_of_two_that_could_go_on_the_better_one_does():
    joiner = SliceJoiner(least_overlap=0.1)
    joiner.push([square(10)])
    assert joiner.push([square(14), square(9)]) == [1, 0]


def test_ious_are_those_of_masks():
    assert ious([square(5)], [square(5), square(10), square(30)])[0] == pytest.approx([1, 1 / 3, 0])
    assert ious([], [square(5)]).shape == (0, 1)


@pytest.mark.parametrize("options", [{"least_overlap": 0}, {"least_overlap": 1.5}, {"max_gap": -1}])
def test_impossible_settings_are_refused(options):
    with pytest.raises(OptionError):
        SliceJoiner(**options)
