"""Small pieces and holes are removed as the official generator removes them."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hqsam.masks.instances import Instances
from hqsam.predict.small_regions import postprocess_small_regions, remove_small_regions
from tests.masks.strategies import dense_noise, sizes


def official(mask, min_area):
    """`remove_small_regions` for holes and then for islands, written down once more."""
    for holes in (True, False):
        _, regions, stats, _ = cv2.connectedComponentsWithStats((holes ^ mask).astype(np.uint8), connectivity=8)
        sizes_ = stats[1:, -1]
        small = [index + 1 for index, size in enumerate(sizes_) if size < min_area]
        if not small:
            continue
        chosen = [0, *small]
        if not holes:
            chosen = [index for index in range(len(stats)) if index not in chosen] or [int(np.argmax(sizes_)) + 1]
        mask = np.isin(regions, chosen)
    return mask


@given(sizes.flatmap(dense_noise), st.integers(1, 30))
def test_a_mask_is_tidied_as_theirs(mask, min_area):
    assert np.array_equal(remove_small_regions(mask, min_area), official(mask, min_area))


@given(sizes.flatmap(dense_noise).filter(np.any), st.integers(1, 30), st.integers(0, 6), st.integers(0, 6))
def test_only_the_surroundings_of_a_mask_are_looked_at(mask, min_area, above, left):
    whole = np.pad(mask, ((above, 3), (left, 2)))
    (tidied,) = postprocess_small_regions([found(whole)], min_area, 0.7)
    assert np.array_equal(tidied.mask(0), official(whole, min_area))


def found(mask):
    return Instances.from_masks([mask], scores=[0.9], columns={"stability_score": np.array([0.9])})


def test_of_two_that_became_alike_the_one_that_needed_no_tidying_stays():
    clean = np.zeros((9, 9), bool)
    clean[:7, :7] = True
    speckled = clean.copy()
    speckled[8, 8] = True
    kept = list(postprocess_small_regions([found(speckled), found(clean)], 2, 0.7))
    assert len(kept) == 1 and np.array_equal(kept[0].mask(0), clean)


@pytest.mark.parametrize("count", [0, 2])
def test_what_is_tidy_already_is_the_same_object(count):
    objects = [found(np.pad(np.ones((9, 9), bool), ((3, 3), (3 + 20 * n, 40 - 20 * n)))) for n in range(count)]
    assert list(postprocess_small_regions(objects, 5, 0.7)) == objects
