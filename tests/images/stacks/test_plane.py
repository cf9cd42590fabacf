"""Planes as RGB: the channels, slice and timepoint that are asked for; what is not looked at is said."""

import warnings

import numpy as np
import pytest
from PIL import Image

from hqsam.errors import ImageError, ImageWarning
from hqsam.images.read_options import ReadOptions
from hqsam.images.reading import read_image
from hqsam.images.windows import open_windows
from tests.images.stacks.files import numbered, with_notes, write_imagej, write_ome_tiff, write_ome_zarr

pytest.importorskip("tifffile", reason="needs hqsam[science]")


@pytest.fixture
def cells(tmp_path):
    """An OME-TIFF of 8 bits, and its values [t, c, z, y, x]."""
    values = np.random.default_rng(0).integers(0, 256, (2, 3, 5, 37, 53)).astype(np.uint8)
    return write_ome_tiff(tmp_path / "cells.ome.tif", values), values


def quietly(path, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImageWarning)
        return read_image(path, **options)


def test_the_middle_slice_and_the_first_channels_are_read_and_the_rest_is_said(cells):
    path, values = cells
    with pytest.warns(ImageWarning) as said:
        pixels = read_image(path)
    np.testing.assert_array_equal(pixels, values[0, :, 2].transpose(1, 2, 0))
    kinds = {one.message.kind: str(one.message) for one in said}
    assert set(kinds) == {"slices", "timepoints", "channels"}
    assert "5 slices" in kinds["slices"] and "z=2" in kinds["slices"] and "DAPI" in kinds["channels"]


def test_what_is_asked_for_is_read_without_a_word(cells):
    path, values = cells
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gray = read_image(path, z=4, t=1, channels=(1,))
        colours = read_image(path, z=0, t=0, channels=("rfp", 0))
    np.testing.assert_array_equal(gray, np.repeat(values[1, 1, 4][..., None], 3, axis=2))
    np.testing.assert_array_equal(colours[..., 0], values[0, 2, 0])
    np.testing.assert_array_equal(colours[..., 1], values[0, 0, 0])
    assert not colours[..., 2].any()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"z": 5}, "z=0 to 4"),
        ({"t": 2}, "t=0 to 1"),
        ({"channels": (3,)}, r"0 \(DAPI\), 1 \(GFP\), 2 \(RFP\), and 3 was asked for"),
        ({"channels": ("Cy5",)}, "Cy5"),
        ({"channels": (0, 1, 2, 0)}, "up to three"),
        ({"channels": ()}, "none was asked for"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(cells, asked, said):
    with pytest.raises(ImageError, match=said):
        quietly(cells[0], **asked)


def test_pages_of_a_stack_can_still_be_asked_for(cells):
    path, values = cells
    np.testing.assert_array_equal(quietly(path, page=2)[..., 0], values[0, 0, 1])


def test_a_photo_has_no_slices(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "photo.png")
    for image in (tmp_path / "photo.png", np.zeros((8, 8, 3), np.uint8)):
        with pytest.raises(ImageError, match="no stack with axes"):
            read_image(image, z=0)


def test_windows_are_parts_of_the_plane(cells):
    path, values = cells
    with open_windows(path, ReadOptions(z=1, t=1, channels=(2,))) as windows:
        assert windows.size_hw == (37, 53) and windows.georeference is None
        np.testing.assert_array_equal(windows.read(slice(3, 30), slice(10, 20))[..., 1], values[1, 2, 1, 3:30, 10:20])


def test_each_channel_has_a_range_of_its_own(tmp_path):
    values = np.zeros((2, 4, 40, 50), np.uint16)
    values[0] = np.linspace(100, 300, 2000).reshape(40, 50)
    values[1] = np.linspace(3000, 9000, 2000).reshape(40, 50)
    path = write_ome_tiff(tmp_path / "cells.ome.tif", values, "CZYX")
    pixels, said = with_notes(lambda: read_image(path))
    assert "channel GFP: its uint16 values from 3000 to 9000" in said
    assert pixels[0, 0].tolist() == [0, 0, 0] and pixels[-1, -1, :2].tolist() == [255, 255]
    half = quietly(path, value_range=(0, 600), channels=(0,))
    assert half.max() == 128
    stretched = quietly(path, stretch=(10, 90), channels=(1,))
    assert (stretched == 0).mean() == pytest.approx(0.1, abs=0.02) and (stretched == 255).mean() > 0.08


def test_all_slices_have_the_same_range(tmp_path):
    values = np.stack([np.full((40, 50), level, np.uint16) for level in (0, 500, 1000)])
    values[:, 0, 0] = 0
    path = write_ome_zarr(tmp_path / "cells.zarr", values, "zyx")
    seen = [int(quietly(path, z=z)[5, 5, 0]) for z in range(3)]
    assert seen[0] == 0 and seen[1] == pytest.approx(seen[2] / 2, abs=1) and seen[2] > 200


def test_floats_that_are_no_numbers_are_black_and_said(tmp_path):
    values = np.linspace(0, 1, 3 * 40 * 50, dtype=np.float32).reshape(3, 40, 50)
    values[1, :10] = np.nan
    path = write_imagej(tmp_path / "cells.tif", values, "ZYX")
    pixels, said = with_notes(lambda: read_image(path, z=1))
    assert "no numbers" in said
    assert not pixels[:10].any() and pixels[10:].all()
    values[:] = np.nan
    pixels, said = with_notes(lambda: read_image(write_imagej(tmp_path / "nothing.tif", values, "ZYX"), z=1))
    assert "100.0% of its values" in said and not pixels.any()


def test_a_window_beyond_the_values_is_believed_as_before(tmp_path):
    shown = {"channels": [{"window": {"start": 0, "end": 4095}}]}
    values = (numbered("zyx") % 4000).astype(np.uint16)
    path = write_ome_zarr(tmp_path / "cells.zarr", values, "zyx", omero=shown)
    np.testing.assert_array_equal(quietly(path, z=0)[..., 0], quietly(path, z=0, value_range=(0, 4095))[..., 0])
