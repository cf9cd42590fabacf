"""Tables of objects, compared with shapes whose measures are known, and with scikit-image on the whole image."""

import csv
import warnings

import numpy as np
import pytest

from hqsam.errors import ImageWarning
from hqsam.formats import write
from hqsam.images.read_options import ReadOptions
from hqsam.images.reading import read_with
from hqsam.masks.instances import Instances
from hqsam.masks.object_shapes import shape_of
from hqsam.predict.image_reference import ImageReference
from tests.images.stacks.files import write_ome_tiff

measure = pytest.importorskip("skimage.measure", reason="needs hqsam[science]")
SIZE_HW = (60, 80)


def ellipse(centre, radii, angle=0.0, size_hw=SIZE_HW):
    y, x = np.mgrid[: size_hw[0], : size_hw[1]]
    dy, dx = y - centre[0], x - centre[1]
    along, across = dx * np.cos(angle) + dy * np.sin(angle), -dx * np.sin(angle) + dy * np.cos(angle)
    return (along / radii[0]) ** 2 + (across / radii[1]) ** 2 <= 1


def rows_of(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def test_an_ellipse_has_its_axes_and_direction():
    mask = ellipse((30, 40), (24, 10), angle=0.5)
    found = shape_of(mask, (0, 0), (0.5, 0.5))
    assert found["axis_major"] == pytest.approx(24, rel=0.02) and found["axis_minor"] == pytest.approx(10, rel=0.03)
    assert found["area"] == pytest.approx(np.pi * 12 * 5, rel=0.02)
    assert (found["centroid_y"], found["centroid_x"]) == pytest.approx((15, 20), abs=0.01)
    assert abs(found["orientation"]) == pytest.approx(np.pi / 2 - 0.5, abs=0.02)


def test_distances_that_differ_count_for_each_axis():
    mask = ellipse((30, 40), (20, 20))
    found = shape_of(mask, (0, 0), (1.0, 0.25))
    assert found["axis_major"] == pytest.approx(40, rel=0.03) and found["axis_minor"] == pytest.approx(10, rel=0.03)
    assert abs(found["orientation"]) < 0.02  # along y


def test_a_ball_in_thick_slices_is_as_wide_in_all_directions():
    z, y, x = np.mgrid[-12:13, -26:27, -26:27]
    mask = (z * 2) ** 2 + y**2 + x**2 <= 24**2
    found = shape_of(mask, (3, 0, 0), (2.0, 1.0, 1.0))
    assert found["volume"] == pytest.approx(4 / 3 * np.pi * 24**3, rel=0.02)
    for name in ("axis_major", "axis_middle", "axis_minor", "equivalent_diameter"):
        assert found[name] == pytest.approx(48, rel=0.02)
    assert (found["centroid_z"], found["centroid_y"]) == pytest.approx((30, 26))


def test_the_direction_of_a_long_object_is_that_of_its_long_axis():
    mask = np.zeros((20, 20, 20), bool)
    for step in range(20):
        mask[step, step, 8:12] = True
    found = shape_of(mask, (0, 0, 0), (1.0, 1.0, 1.0))
    direction = [found[f"direction_{axis}"] for axis in "zyx"]
    assert direction == pytest.approx([0.707, 0.707, 0], abs=0.01)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 4, 5), (3, 1, 1)])
def test_flat_objects_and_single_voxels_have_measures(shape):
    found = shape_of(np.ones(shape, bool), (0, 0, 0), (1.0, 1.0, 1.0))
    assert all(np.isfinite(value) for value in found.values()) and found["volume"] == np.prod(shape)


@pytest.fixture
def cells(tmp_path):
    """Masks of a slice of a stack with two channels, and its values [c, z, y, x]."""
    values = np.random.default_rng(0).integers(0, 60_000, (2, 3, *SIZE_HW)).astype(np.uint16)
    path = write_ome_tiff(tmp_path / "cells.ome.tif", values, "CZYX")
    options = ReadOptions(z=1, channels=(0,))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImageWarning)
        image = ImageReference(path, read_with(path, options), options)
    masks = np.stack([ellipse((20, 25), (15, 8)), ellipse((45, 60), (10, 10)), np.zeros(SIZE_HW, bool)])
    found = Instances.from_masks(masks, scores=[0.9, None, 0.1], labels="nucleus", image_name=path.name, image=image)
    return found, masks, values


def test_the_table_says_what_scikit_image_says_of_the_whole_image(cells, tmp_path):
    found, masks, values = cells
    [path] = write(found, tmp_path / "out", ["measured"])
    assert path.name == "cells.ome_measured.csv"
    rows = rows_of(path)
    assert len(rows) == 3 and rows[2]["pixels"] == "0" and rows[2]["area"] == "" and rows[1]["score"] == ""
    labels = masks[0] * 1 + masks[1] * 2
    table = measure.regionprops(labels, values[:, 1].transpose(1, 2, 0), spacing=(0.25, 0.25))
    for row, truth in zip(rows, table, strict=False):
        assert float(row["area"]) == pytest.approx(truth.area) and row["unit"] == "micrometer"
        assert [float(row["centroid_y"]), float(row["centroid_x"])] == pytest.approx(list(truth.centroid))
        assert float(row["axis_major"]) == pytest.approx(truth.axis_major_length)
        assert float(row["axis_minor"]) == pytest.approx(truth.axis_minor_length)
        assert float(row["orientation"]) == pytest.approx(truth.orientation)
        for channel, name in enumerate(("DAPI", "GFP")):
            assert float(row[f"mean_{name}"]) == pytest.approx(truth.intensity_mean[channel])
            assert float(row[f"min_{name}"]) == truth.intensity_min[channel]
            assert float(row[f"max_{name}"]) == truth.intensity_max[channel]


def test_parquet_has_the_same_table(cells, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    found, *_ = cells
    csv_path, parquet_path = write(found, tmp_path, ["measured", "measured_parquet"])
    table = parquet.read_table(parquet_path).to_pylist()
    for row, other in zip(rows_of(csv_path), table, strict=True):
        assert {name: "" if value is None else str(value) for name, value in other.items()} == row


def test_of_other_images_pixels_and_colours_are_measured(tmp_path):
    pixels = np.zeros((*SIZE_HW, 3), np.uint8)
    pixels[..., 0] = 200
    masks = ellipse((30, 40), (12, 6))[None]
    found = Instances.from_masks(masks, image=ImageReference(pixels, pixels), image_name="photo.png")
    [row] = rows_of(write(found, tmp_path, ["measured"])[0])
    assert row["unit"] == "pixel" and float(row["area"]) == masks.sum()
    assert (float(row["mean_red"]), float(row["max_green"])) == (200, 0)
    [row] = rows_of(write(Instances.from_masks(masks), tmp_path, ["measured"])[0])
    assert "mean_red" not in row and float(row["area"]) == masks.sum()


def test_a_table_of_nothing_is_a_table(tmp_path):
    [path] = write(Instances.empty(SIZE_HW), tmp_path, ["measured"])
    assert rows_of(path) == []
