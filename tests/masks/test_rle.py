import numpy as np
import pytest
from hypothesis import given
from pycocotools import mask as coco_mask

from hqsam.errors import DataError
from hqsam.masks import rle
from tests.masks.strategies import AWKWARD, masks

# pycocotools 2.0.11 has not caught up with NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@given(masks)
def test_a_mask_survives_the_trip_to_runs_and_back(mask):
    assert np.array_equal(rle.decode(rle.encode(mask)), mask)


@pytest.mark.parametrize("mask", AWKWARD.values(), ids=AWKWARD)
def test_an_awkward_mask_survives_too(mask):
    assert np.array_equal(rle.decode(rle.encode(mask)), mask)


@given(masks)
def test_pycocotools_reads_the_same_mask_and_area(mask):
    encoded = rle.encode(mask)
    assert np.array_equal(coco_mask.decode(encoded), mask)
    assert rle.area(encoded) == coco_mask.area(encoded) == mask.sum()


def test_large_masks_have_long_runs_and_survive():
    mask = np.zeros((3000, 4000), bool)
    mask[10:2990, 17:3900] = True
    mask[500:600, 700:800] = False
    assert np.array_equal(rle.decode(rle.encode(mask)), mask)


@given(masks)
def test_uncompressed_runs_as_in_coco_crowds_are_read(mask):
    down_the_columns = mask.T.reshape(-1)
    changes = np.flatnonzero(np.diff(down_the_columns, prepend=False))
    counts = np.diff(changes, prepend=0, append=mask.size).tolist()
    assert np.array_equal(rle.decode({"size": list(mask.shape), "counts": counts}), mask)


@pytest.mark.parametrize(
    "damaged",
    [
        {"size": [5, 7], "counts": ""},
        {"size": [5, 7], "counts": "!!!!"},
        {"size": [5, 7], "counts": "\x7f\x7f"},
        {"size": [5, 7], "counts": "zzzz"},
        {"size": [5, 7], "counts": ";23O11O"},
        {"size": [5, 7], "counts": "o" * 40 + "0"},
        {"size": [5, 8], "counts": ";23O11O04"},
        {"size": [5, 7], "counts": [5, 300]},
        {"size": [5, 7], "counts": [40, -5]},
        {"size": [-5, -7], "counts": [35]},
        {"size": [5], "counts": [35]},
        {"counts": [35]},
        {"size": [5, 7], "counts": None},
        "not even a dictionary",
    ],
)
def test_damaged_runs_are_an_error_and_not_a_crash(damaged):
    with pytest.raises(DataError):
        rle.decode(damaged)
