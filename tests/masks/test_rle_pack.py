"""Label Studio's run lengths, beside those of its own converter."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from hqsam.errors import DataError
from hqsam.masks.rle_pack import pack, unpack
from hqsam.masks.runs import runs_from_parts
from tests.masks.strategies import AWKWARD, masks

KNOWN = json.loads((Path(__file__).parent / "rle_of_label_studio.json").read_text())
"""What label_studio_sdk.converter.brush.mask2rle of 2.1.2 made of the masks of `known_mask`."""


def packed(mask):
    return pack(runs_from_parts([(mask, 0, 0)], mask.shape[0]), mask.shape)


def known_mask(name):
    rows, columns = np.mgrid[:300, :400]
    return {
        "nothing": np.zeros((300, 400), bool),
        "everything": np.ones((300, 400), bool),
        "a disc": (rows - 150) ** 2 + (columns - 200) ** 2 < 100**2,
        "stripes": (columns[:40, :60] // 3 + rows[:40, :60]) % 2 == 0,
    }[name]


def as_the_converter(bits, value_bits=8, sizes=(3, 4, 8, 16)):
    """A list of bytes from text of bits, with a header."""
    text = f"{bits[0]:032b}{value_bits - 1:05b}" + "".join(f"{size - 1:04b}" for size in sizes) + bits[1]
    text += "0" * (-len(text) % 8)
    return [int(text[i : i + 8], 2) for i in range(0, len(text), 8)]


@pytest.mark.parametrize("name", KNOWN)
def test_the_bytes_are_those_of_label_studios_converter(name):
    ours, theirs = packed(known_mask(name)), KNOWN[name]
    assert theirs[: len(ours)] == ours
    assert theirs[len(ours) :] in ([], [0])  # it adds a byte that says nothing where the bits fill the last one
    assert np.array_equal(unpack(theirs, known_mask(name).shape), known_mask(name))


@given(masks)
def test_a_mask_comes_back(mask):
    assert np.array_equal(unpack(packed(mask), mask.shape), mask)


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_masks_come_back(name):
    assert np.array_equal(unpack(packed(AWKWARD[name]), AWKWARD[name].shape), AWKWARD[name])


def test_values_one_by_one_and_other_sizes_are_read_as_browsers_write_them():
    """Two pixels: the first clear but coloured, the second opaque in parts."""
    values = [9, 9, 9, 0, 1, 2, 3, 255]
    literal = "0" + "01" + f"{7:05b}" + "".join(f"{value:08b}" for value in values)
    assert unpack(as_the_converter((8, literal), sizes=(2, 5, 8, 16)), (1, 2)).tolist() == [[False, True]]


@pytest.mark.parametrize(
    ("damaged", "why"),
    [
        ([], "too early"),
        (KNOWN["a disc"][:40], "too early"),
        (KNOWN["stripes"], "are of 9600 values, not 480000"),
        ([300], "no run lengths"),
        (as_the_converter((480000, "1" + "11" + "1" * 16 + "1" * 8))[:-1] + [255] * 40, "longer than the image"),
    ],
    ids=range(5),
)
def test_damaged_ones_are_refused(damaged, why):
    with pytest.raises(DataError, match=why):
        unpack(damaged, (300, 400))


def test_twelve_megapixels_are_packed_in_a_moment():
    rows, columns = np.mgrid[:3000, :4000]
    mask = ((rows - 1500) ** 2 + (columns - 2000) ** 2 < 1200**2) & ((rows // 7 + columns // 11) % 3 > 0)
    runs = runs_from_parts([(mask, 0, 0)], 3000)
    started = time.perf_counter()
    bytes_ = pack(runs, mask.shape)
    assert time.perf_counter() - started < 10
    assert len(bytes_) > 100_000
