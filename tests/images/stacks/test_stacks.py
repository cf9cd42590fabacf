"""Every plane of a stack is read to the value, by the names of its axes, with its distances."""

import sys

import numpy as np
import pytest

from hqsam.batch.inputs import find_images
from hqsam.errors import ImageError, MissingExtra
from hqsam.images.stacks.open_stack import is_stack_file, open_stack
from tests.images.stacks.files import (
    SHAPE,
    numbered,
    write_dicom_series,
    write_imagej,
    write_nifti,
    write_ome_tiff,
    write_ome_zarr,
)

pytest.importorskip("tifffile", reason="needs hqsam[science]")
WHOLE = slice(0, SHAPE["y"]), slice(0, SHAPE["x"])


def assert_every_plane_is(values, stack):
    """Values are [t, c, z, y, x]."""
    assert {axis: stack.layout.count(axis) for axis in "tczyx"} == dict(zip("tczyx", values.shape, strict=True))
    for t, c, z in np.ndindex(*values.shape[:3]):
        np.testing.assert_array_equal(stack.read(t, c, z, *WHOLE), values[t, c, z])
    np.testing.assert_array_equal(stack.read(0, 0, 0, slice(5, 20), slice(30, 53)), values[0, 0, 0, 5:20, 30:53])


STORED = [{}, {"tile": (16, 32), "compression": "zlib"}, {"bigtiff": True}, {"rowsperstrip": 5, "compression": "lzw"}]


@pytest.mark.parametrize("stored", STORED, ids=str)
@pytest.mark.parametrize("axes", ["tczyx", "tzcyx", "ztcyx"])
def test_planes_of_an_ome_tiff(tmp_path, axes, stored):
    values = numbered(axes)
    path = write_ome_tiff(tmp_path / "cells.ome.tif", values, axes.upper(), **stored)
    with open_stack(path) as stack:
        assert_every_plane_is(values.transpose([axes.index(axis) for axis in "tczyx"]), stack)
        layout = stack.layout
        assert layout.channels == ("DAPI", "GFP", "RFP") and layout.unit == "micrometer"
        assert layout.spacing("zyx") == (2.0, 0.25, 0.25) and layout.steps["t"] == 30 and layout.units["t"] == "second"


@pytest.mark.parametrize("stored", [{}, {"truncate": True}, {"byteorder": "<"}], ids=str)
def test_planes_of_a_stack_of_imagej(tmp_path, stored):
    values = numbered("tzcyx")
    path = write_imagej(tmp_path / "cells.tif", values, **stored)
    with open_stack(path) as stack:
        assert_every_plane_is(values.transpose(0, 2, 1, 3, 4), stack)
        assert stack.layout.spacing("zyx") == (2.0, 0.25, 0.25) and stack.layout.unit == "micrometer"


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.int16])
def test_values_keep_their_type(tmp_path, dtype):
    values = numbered("zyx", dtype)
    with open_stack(write_ome_tiff(tmp_path / "cells.ome.tif", values, "ZYX")) as stack:
        found = stack.read(0, 0, 3, *WHOLE)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, values[3])


def test_the_finest_level_of_a_pyramid_is_read(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    values = numbered("zyx")
    with tifffile.TiffWriter(tmp_path / "cells.ome.tif", ome=True) as file:
        file.write(values, subifds=1, tile=(16, 16), metadata={"axes": "ZYX"})
        file.write(values[:, ::2, ::2], subfiletype=1, tile=(16, 16))
    with open_stack(tmp_path / "cells.ome.tif") as stack:
        assert_every_plane_is(values[None, None], stack)


def test_coloured_planes_stay_coloured(tmp_path):
    values = np.random.default_rng(0).integers(0, 255, (4, 37, 53, 3), np.uint8)
    path = tmp_path / "colours.tif"
    pytest.importorskip("tifffile").imwrite(path, values, imagej=True, metadata={"axes": "ZYXS"})
    with open_stack(path) as stack:
        assert stack.layout.samples == 3 and stack.layout.count("z") == 4
        np.testing.assert_array_equal(stack.read(0, 0, 2, *WHOLE), values[2])


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("axes", ["tczyx", "zyx", "cyx", "yx"])
def test_planes_of_an_ome_zarr(tmp_path, version, axes):
    values = numbered(axes)
    path = write_ome_zarr(tmp_path / "cells.ome.zarr", values, axes, version)
    with open_stack(path) as stack:
        assert_every_plane_is(values.reshape([SHAPE[axis] if axis in axes else 1 for axis in "tczyx"]), stack)
        assert stack.layout.unit == "micrometer" and stack.layout.spacing("yx") == (0.25, 0.25)
        assert stack.layout.knows_depth() == ("z" in axes)


def test_channels_of_an_ome_zarr_have_their_names_and_windows(tmp_path):
    window = {"start": 5, "end": 90, "min": 0, "max": 255}
    shown = {"channels": [{"label": "DAPI", "window": window}, {}, {"label": "GFP"}], "rdefs": {"defaultZ": 3}}
    path = write_ome_zarr(tmp_path / "cells.ome.zarr", numbered("czyx"), "czyx", omero=shown)
    with open_stack(path) as stack:
        assert stack.layout.channels == ("DAPI", "1", "GFP") and stack.layout.shown_z == 3
        assert stack.layout.declared == ((5.0, 90.0), None, None)


def test_levels_multiply_with_the_scale_of_all(tmp_path):
    path = write_ome_zarr(tmp_path / "cells.zarr", numbered("zyx"), "zyx")
    group = pytest.importorskip("zarr").open_group(str(path), mode="r+")
    multiscales = group.attrs["multiscales"]
    multiscales[0]["coordinateTransformations"] = [{"type": "scale", "scale": [1.0, 2.0, 2.0]}]
    group.attrs["multiscales"] = multiscales
    with open_stack(path) as stack:
        assert stack.layout.spacing("zyx") == (2.0, 0.5, 0.5)


def test_what_is_no_image_of_an_ome_zarr_says_what_to_give(tmp_path):
    zarr = pytest.importorskip("zarr", reason="needs hqsam[science]")
    zarr.create_group(str(tmp_path / "plain.zarr"))
    with pytest.raises(ImageError, match="no image of an OME-Zarr"):
        open_stack(tmp_path / "plain.zarr")
    zarr.create_group(str(tmp_path / "plate.zarr"), attributes={"ome": {"plate": {}}})
    with pytest.raises(ImageError, match="plate"):
        open_stack(tmp_path / "plate.zarr")
    collection = zarr.create_group(str(tmp_path / "many.zarr"), zarr_format=2, attributes={"bioformats2raw.layout": 3})
    write_ome_zarr(tmp_path / "many.zarr" / "0", numbered("yx"), "yx")
    assert collection
    with pytest.raises(ImageError, match=r"many\.zarr/0"):
        open_stack(tmp_path / "many.zarr")


def test_unknown_axes_and_axes_that_do_not_fit_are_refused(tmp_path):
    zarr = pytest.importorskip("zarr", reason="needs hqsam[science]")
    path = write_ome_zarr(tmp_path / "cells.zarr", numbered("zyx"), "zyx")
    group = zarr.open_group(str(path), mode="r+")
    for axes, said in ((["w", "y", "x"], "axes w, y, x"), (["y", "x"], r"2 axes"), (["z", "z", "x"], "axes z, z, x")):
        multiscales = group.attrs["multiscales"]
        multiscales[0]["axes"] = [{"name": axis} for axis in axes]
        group.attrs["multiscales"] = multiscales
        with pytest.raises(ImageError, match=said):
            open_stack(path)


def test_a_damaged_group_is_an_error_of_ours(tmp_path):
    path = write_ome_zarr(tmp_path / "cells.zarr", numbered("zyx"), "zyx")
    (path / "0" / ".zarray").write_text("{")
    with pytest.raises(ImageError, match=r"cells\.zarr"):
        open_stack(path)


def test_files_that_are_no_stacks_are_told_apart(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "pages.tif", numbered("zyx"), photometric="minisblack")
    assert not is_stack_file(tmp_path / "pages.tif") and not is_stack_file(tmp_path)
    with pytest.raises(ImageError, match="is no stack"):
        open_stack(tmp_path / "pages.tif")
    with pytest.raises(ImageError, match="no such file"):
        open_stack(tmp_path / "nowhere.tif")


@pytest.mark.parametrize(("module", "name"), [("zarr", "cells.zarr"), ("nibabel", "brain.nii"), ("pydicom", "ct.dcm")])
def test_without_a_package_the_extra_is_named(tmp_path, monkeypatch, module, name):
    if name == "cells.zarr":
        (tmp_path / name).mkdir()
        (tmp_path / name / ".zgroup").write_text("{}")
    else:
        (tmp_path / name).write_bytes(b"anything")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=r"hqsam\[science\]"):
        open_stack(tmp_path / name)


def test_stacks_in_a_folder_are_images(tmp_path):
    pytest.importorskip("nibabel", reason="needs hqsam[science]")
    write_ome_zarr(tmp_path / "cells.ome.zarr", numbered("yx"), "yx")
    write_nifti(tmp_path / "brain.nii.gz", numbered("xyz", np.int16))
    write_dicom_series(tmp_path / "ct", numbered("zyx"))
    found = find_images([str(tmp_path)])
    assert [image.path.name for image in found.images] == ["brain.nii.gz", "cells.ome.zarr", "ct"]
    assert [image.path.name for image in find_images([str(tmp_path / "ct")]).images] == ["ct"]
