"""CVAT's masks, beside those of its own package."""

import numpy as np
import pytest
from hypothesis import given

from hqsam.errors import DataError
from hqsam.integrations.cvat.masks import crop_of, encode_mask
from hqsam.masks import rle
from tests.masks.strategies import AWKWARD, masks


def plain(mask):
    """Flatten the crop and count, as the format says."""
    rows, columns = np.nonzero(mask)
    x0, y0, x1, y1 = (columns.min(), rows.min(), columns.max(), rows.max()) if len(rows) else (0, 0, 0, 0)
    lengths, inside = [0], False
    for pixel in mask[y0 : y1 + 1, x0 : x1 + 1].ravel():
        if pixel != inside:
            lengths.append(0)
            inside = not inside
        lengths[-1] += 1
    return [*lengths, x0, y0, x1, y1]


@given(masks)
def test_run_lengths_of_a_mask_are_those_of_its_pixels(mask):
    assert encode_mask(rle.encode(mask)) == plain(mask)


@given(masks)
def test_they_are_those_of_cvats_own_package(mask):
    theirs = pytest.importorskip("cvat_sdk.masks")
    points = encode_mask(rle.encode(mask))
    assert points == theirs.encode_mask(mask)
    height, width = mask.shape
    assert np.array_equal(theirs.decode_mask(points, image_width=width, image_height=height), mask)


@pytest.mark.parametrize("name", AWKWARD)
def test_a_crop_is_the_mask_in_its_box(name):
    mask = AWKWARD[name]
    crop, (left, top, right, bottom) = crop_of(encode_mask(rle.encode(mask)))
    whole = np.zeros_like(mask)
    whole[top : bottom + 1, left : right + 1] = crop
    assert np.array_equal(whole, mask)


@pytest.mark.parametrize(
    "points", [[], [1, 2, 3], [4, 0, 0, 1, 0], [1.5, 0, 0, 0, 0], [-1, 2, 0, 0, 0], [1, 5, 5, 4, 5]]
)
def test_what_is_no_mask_is_refused(points):
    with pytest.raises(DataError, match="CVAT"):
        crop_of(points)
