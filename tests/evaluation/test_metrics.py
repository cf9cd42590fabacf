import numpy as np
import pytest

from hqsam.errors import InputError
from hqsam.evaluation.metrics import Agreement, compare, mean
from hqsam.masks.boundary import boundary


def square(start, stop):
    mask = np.zeros((100, 100), bool)
    mask[start:stop, start:stop] = True
    return mask


def test_a_mask_agrees_with_itself():
    assert compare(square(10, 60), square(10, 60)) == Agreement(1.0, 1.0)


def test_boundaries_show_what_areas_hide():
    agreement = compare(square(10, 90), square(12, 88))
    assert agreement.iou == 76**2 / 80**2
    ring, inner = boundary(square(10, 90)), boundary(square(12, 88))
    assert agreement.boundary_iou == (ring & inner).sum() / (ring | inner).sum()
    assert agreement.boundary_iou < 0.3 < 0.9 < agreement.iou


def test_the_strict_measure_is_harder():
    masks = square(10, 90), square(11, 90)
    assert compare(*masks, ratio=0.01).boundary_iou < compare(*masks).boundary_iou


def test_every_mask_counts_the_same():
    small_and_wrong, large_and_right = compare(square(0, 2), square(4, 6)), compare(square(0, 90), square(0, 90))
    assert mean([small_and_wrong, large_and_right]) == Agreement(0.5, 0.5)


def test_the_mean_of_nothing_is_an_error():
    with pytest.raises(InputError, match="nothing to take the mean of"):
        mean([])
