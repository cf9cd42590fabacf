"""Label images of stacks: read back by other readers, with the geometry of their image to the pixel."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hqsam import storage
from hqsam.errors import ImageError, OptionError, OutputError
from hqsam.formats import zarr_labels
from hqsam.formats.nifti_labels import write_nifti_labels
from hqsam.formats.ome_tiff_labels import write_ome_tiff_labels
from hqsam.formats.stack_labels import place_in_stack
from hqsam.formats.zarr_labels import write_zarr_labels
from hqsam.images.read_options import ReadOptions
from hqsam.images.stacks.open_stack import open_stack
from hqsam.images.stacks.plane import open_plane
from hqsam.images.walk import is_own_result
from hqsam.masks.instances import Instances
from hqsam.masks.label_blocks import LabelBlock
from hqsam.predict.image_reference import ImageReference
from tests.images.stacks.files import OBLIQUE, numbered, write_dicom_series, write_nifti, write_ome_tiff, write_ome_zarr

zarr = pytest.importorskip("zarr", reason="needs hqsam[science]")
VERSIONS = ("0.4", "0.5")
LABELS = np.zeros((2, 4, 37, 53), np.uint32)
"""[t, z, y, x]; timepoint 0 is empty."""
LABELS[1, 1:3, 5:20, 10:30] = 1
LABELS[1, 2:, 22:36, 40:53] = 70_000


def blocks(labels=LABELS, rows=16):
    for t, z in np.ndindex(*labels.shape[:2]):
        for top in range(0, labels.shape[2], rows):
            part = slice(top, min(top + rows, labels.shape[2]))
            yield LabelBlock(t, z, part, labels[t, z, part])


def contents(folder):
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("originals")
    return {version: write_ome_zarr(folder / version, numbered(), version=version) for version in VERSIONS}


@pytest.fixture(params=VERSIONS)
def cells(request, originals, tmp_path):
    """An image of its own for each test."""
    return Path(shutil.copytree(originals[request.param], tmp_path / "cells.ome.zarr"))


def metadata(group):
    attributes = dict(group.attrs)
    return attributes.get("ome", attributes)


def test_labels_have_the_axes_levels_and_distances_of_the_image(cells):
    before = contents(cells)
    written = write_zarr_labels(cells, "nuclei", blocks())
    assert written == cells / "labels" / "nuclei"
    root = zarr.open_group(str(cells), mode="r")
    assert metadata(root["labels"])["labels"] == ["nuclei"]
    group = root["labels/nuclei"]
    image, labels = metadata(root)["multiscales"][0], metadata(group)["multiscales"][0]
    assert [axis["name"] for axis in labels["axes"]] == ["t", "z", "y", "x"]
    for one, other in zip(image["datasets"], labels["datasets"], strict=True):
        scale = one["coordinateTransformations"][0]["scale"]
        assert other["coordinateTransformations"][0]["scale"] == [scale[0], *scale[2:]]
        assert group[other["path"]].shape == (2, *root[one["path"]].shape[2:])
    np.testing.assert_array_equal(group["0"][:], LABELS)
    smaller = group["1"][:]
    assert smaller.shape == (2, 4, 19, 27) and set(np.unique(smaller)) == {0, 1, 70_000}
    np.testing.assert_array_equal(smaller, LABELS[..., ::2, ::2])
    assert metadata(group)["image-label"]["source"] == {"image": "../../"}
    after = contents(cells)
    assert all(after[name] == data for name, data in before.items()), "the image is as it was"


def test_labels_stand_beside_others_and_ours_are_replaced(cells):
    write_zarr_labels(cells, "nuclei", blocks())
    write_zarr_labels(cells, "membranes", blocks(np.minimum(LABELS, 1)))
    write_zarr_labels(cells, "nuclei", blocks(LABELS * 2))
    root = zarr.open_group(str(cells), mode="r")
    assert metadata(root["labels"])["labels"] == ["nuclei", "membranes"]
    assert root["labels/nuclei/0"][:].max() == 140_000 and root["labels/membranes/0"][:].max() == 1
    assert not list(cells.rglob("*.partial*"))


def test_labels_of_others_are_not_touched(cells):
    write_zarr_labels(cells, "nuclei", blocks())
    group = zarr.open_group(str(cells / "labels" / "nuclei"), mode="r+")
    del group.attrs["hqsam"]
    before = contents(cells)
    with pytest.raises(OutputError, match="not written by hqsam"):
        write_zarr_labels(cells, "nuclei", blocks())
    assert contents(cells) == before


def test_names_that_are_none_are_refused(cells):
    for name in ("", "..", ".hidden", "a/b"):
        with pytest.raises(OptionError, match="no name for a label image"):
            write_zarr_labels(cells, name, blocks())


@pytest.mark.parametrize("there", [False, True])
def test_what_fails_on_the_way_leaves_all_as_it_was(cells, there):
    if there:
        write_zarr_labels(cells, "nuclei", blocks())
    before = contents(cells)

    def broken():
        yield from list(blocks())[:20]
        raise ValueError("the model stumbled")

    with pytest.raises(ValueError, match="stumbled"):
        write_zarr_labels(cells, "nuclei", broken())
    assert contents(cells) == before


def test_a_process_that_is_killed_leaves_nothing_that_stays(cells, monkeypatch):
    monkeypatch.setattr(storage.atomic.psutil, "pid_exists", lambda number: False)
    abandoned = storage.atomic.path_beside(cells / "labels")
    (abandoned / "nuclei").mkdir(parents=True)
    storage.atomic.sweep.cache_clear()
    write_zarr_labels(cells, "nuclei", blocks())
    assert not abandoned.exists()


@pytest.mark.filterwarnings("ignore:Consolidated metadata is currently not part")
def test_consolidated_metadata_knows_the_labels(cells):
    zarr.consolidate_metadata(str(cells))
    write_zarr_labels(cells, "nuclei", blocks())
    np.testing.assert_array_equal(zarr.open_group(str(cells), mode="r")["labels/nuclei/0"][:], LABELS)


def test_an_image_without_depth_and_paths_with_folders(tmp_path):
    path = write_ome_zarr(tmp_path / "flat.zarr", numbered("cyx"), "cyx", "0.5", dataset="scale{}/image")
    write_zarr_labels(path, "nuclei", blocks(LABELS[1:, 2:3]))
    group = zarr.open_group(str(path / "labels" / "nuclei"), mode="r")
    np.testing.assert_array_equal(group["scale0/image"][:], LABELS[1, 2])


def test_a_reader_of_ome_zarr_lays_labels_over_the_image(cells):
    reader = pytest.importorskip("ome_zarr.reader", reason="checked where ome-zarr is installed")
    location = pytest.importorskip("ome_zarr.io")
    write_zarr_labels(cells, "nuclei", blocks())
    nodes = list(reader.Reader(location.parse_url(str(cells)))())
    [labels] = [node for node in nodes if node.metadata.get("name") == "nuclei"]
    image = nodes[0]
    np.testing.assert_array_equal(np.asarray(labels.data[0]), LABELS)
    for one, other in zip(
        image.metadata["coordinateTransformations"], labels.metadata["coordinateTransformations"], strict=True
    ):
        assert one[0]["scale"][2:] == other[0]["scale"][1:]


def test_a_label_ome_tiff_has_the_distances_of_the_stack(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    with open_stack(write_ome_tiff(tmp_path / "cells.ome.tif", numbered())) as stack:
        path = write_ome_tiff_labels(
            tmp_path / "cells_labels.ome.tif", stack.layout, "zyx", blocks(LABELS[1:], rows=512)
        )
    with tifffile.TiffFile(path) as file:
        assert file.is_ome and file.series[0].axes == "ZYX"
        np.testing.assert_array_equal(file.asarray(), LABELS[1])
    with open_stack(path) as labels:
        assert labels.layout.spacing("zyx") == (2.0, 0.25, 0.25) and labels.layout.unit == "micrometer"
    assert is_own_result(path)


def test_a_label_nifti_has_the_affine_of_the_scan_to_the_bit(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    scan = write_nifti(tmp_path / "brain.nii.gz", np.zeros((53, 37, 4), np.float32), descrip=b"a scan", cal_max=9)
    labels = np.minimum(LABELS[1:], 7)
    with open_stack(scan) as stack:
        path = write_nifti_labels(tmp_path / "brain_labels.nii.gz", stack, "zyx", blocks(labels), 7)
    image, original = nibabel.load(path), nibabel.load(scan)
    np.testing.assert_array_equal(np.asarray(image.dataobj), labels[0].transpose(2, 1, 0))
    np.testing.assert_array_equal(image.affine, original.affine)
    np.testing.assert_allclose(image.affine, OBLIQUE, rtol=1e-6)
    for name in ("sform_code", "qform_code", "pixdim", "srow_x", "quatern_b", "xyzt_units"):
        np.testing.assert_array_equal(image.header[name], original.header[name])
    assert image.get_data_dtype() == np.uint16 and image.header["cal_max"] == 0 and is_own_result(path)


def test_labels_of_a_dicom_series_lie_where_its_slices_do(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    folder = write_dicom_series(tmp_path / "ct", np.zeros((4, 37, 53), np.uint16), directions=(0, 1, 0, 0, 0, -1))
    with open_stack(folder) as stack:
        path = write_nifti_labels(tmp_path / "ct_labels.nii.gz", stack, "zyx", blocks(LABELS[1:]), 70_000)
        affine = stack.affine
    image = nibabel.load(path)
    np.testing.assert_allclose(image.affine, affine, atol=1e-5)
    assert image.get_data_dtype() == np.int32 and image.header.get_xyzt_units()[0] == "mm"
    np.testing.assert_array_equal(np.asarray(image.dataobj), LABELS[1].transpose(2, 1, 0))


def test_nothing_is_left_of_a_nifti_that_failed(tmp_path):
    scan = write_nifti(tmp_path / "brain.nii", np.zeros((53, 37, 4), np.int16))

    def broken():
        yield from list(blocks(LABELS[1:]))[:3]
        raise ValueError("the model stumbled")

    with open_stack(scan) as stack, pytest.raises(ValueError, match="stumbled"):
        write_nifti_labels(tmp_path / "brain_labels.nii.gz", stack, "zyx", broken(), 1)
    assert [file.name for file in tmp_path.iterdir()] == ["brain.nii"]


def test_attributes_that_others_wrote_stay(cells):
    write_zarr_labels(cells, "nuclei", blocks())
    group = zarr.open_group(str(cells / "labels"), mode="r+")
    group.attrs["lab"] = {"room": 7}
    write_zarr_labels(cells, "membranes", blocks())
    described = cells / "labels" / ("zarr.json" if (cells / "zarr.json").exists() else ".zattrs")
    assert '"room": 7' in json.dumps(json.loads(described.read_text()))


def test_rows_are_written_in_parts(cells, monkeypatch):
    monkeypatch.setattr(zarr_labels, "ROWS_AT_ONCE", 8)
    write_zarr_labels(cells, "nuclei", (replace(one) for one in blocks(rows=8)))
    group = zarr.open_group(str(cells / "labels" / "nuclei"), mode="r")
    np.testing.assert_array_equal(group["0"][:], LABELS)
    np.testing.assert_array_equal(group["1"][:], LABELS[..., ::2, ::2])


def test_masks_of_a_page_are_of_no_plane_of_the_stack(tmp_path):
    path = tmp_path / "stack.tif"
    pytest.importorskip("tifffile").imwrite(
        path, np.zeros((7, 20, 30), np.uint8), imagej=True, metadata={"axes": "ZYX"}
    )
    for page, is_plane in ((5, False), (None, True)):
        image = ImageReference(path, np.zeros((20, 30, 3), np.uint8), ReadOptions(page=page))
        with place_in_stack(replace(Instances.empty((20, 30)), image=image)) as place:
            assert (place is not None) == is_plane
    with pytest.raises(ImageError, match="instead of bands"), open_plane(path, ReadOptions(bands=(9,))):
        pass
