"""Results on maps, opened again by GDAL's own readers."""

import json
from dataclasses import replace

import numpy as np
import pytest

from hqsam.errors import DataError, OptionError
from hqsam.formats import read, write
from hqsam.geo.georeference import Georeference
from hqsam.geo.vector_prompts import pixel_prompts, read_vector_prompts
from hqsam.images.walk import images_in
from hqsam.masks.instances import Instances
from tests.geo.rasters import UTM, rasterio, write_raster

pyogrio = pytest.importorskip("pyogrio")
shapely = pytest.importorskip("shapely")
TURNED = Georeference((0.4, 0.1, 400_000.0, 0.1, -0.4, 5_200_000.0), UTM)


def discs(place=TURNED):
    rows, columns = np.indices((120, 160))
    ring = (np.hypot(rows - 50, columns - 60) < 40) & (np.hypot(rows - 50, columns - 60) > 15)
    two = (np.hypot(rows - 20, columns - 130) < 12) | (np.hypot(rows - 100, columns - 130) < 14)
    return Instances.from_masks(
        [ring, two],
        labels=["pond", "trees"],
        scores=[0.75, None],
        columns={"owner": ("Müller", None), "floors": (2, 5), "id": (77, 78)},
        metadata={"georeference": place},
        image_name="field.tif",
    )


def burnt(geometry, size_hw=(120, 160), place=TURNED):
    transform = rasterio.Affine(*place.transform)
    return pytest.importorskip("rasterio.features").rasterize([geometry], size_hw, transform=transform).astype(bool)


def test_a_geopackage_has_the_masks_to_the_pixel_their_attributes_and_the_crs(tmp_path):
    found = discs()
    [path] = write(found, tmp_path, ["gpkg"])
    about, _, wkb, columns = pyogrio.raw.read(path, layer="objects")
    table = dict(zip(about["fields"], columns, strict=True))
    assert about["crs"] == UTM and about["geometry_type"] == "MultiPolygon"
    for row, mask in enumerate(found.masks):
        np.testing.assert_array_equal(burnt(shapely.from_wkb(wkb[row])), mask)
    assert table["label"].tolist() == ["pond", "trees"] and table["owner"].tolist() == ["Müller", None]
    assert table["floors"].tolist() == [2, 5] and table["id_given"].tolist() == [77, 78]
    assert table["score"][0] == 0.75 and np.isnan(table["score"][1])
    pixel = 0.4 * 0.4 + 0.1 * 0.1  # square metres on the map; on Earth a little more, beside the middle of the zone
    np.testing.assert_allclose(table["area_m2"], found.areas * pixel, rtol=2e-3)
    assert table["outline_error"].tolist() == [0, 0]


def test_geoparquet_has_what_its_specification_asks(tmp_path):
    parquet, pyproj = pytest.importorskip("pyarrow.parquet"), pytest.importorskip("pyproj")
    found = discs()
    [path] = write(found, tmp_path, ["geoparquet"])
    table = parquet.read_table(path)
    about = json.loads(table.schema.metadata[b"geo"])
    column = about["columns"]["geometry"]
    assert about["version"] == "1.1.0" and about["primary_column"] == "geometry" and column["encoding"] == "WKB"
    assert pyproj.CRS.from_json_dict(column["crs"]) == pyproj.CRS(UTM)
    for row, mask in enumerate(found.masks):
        np.testing.assert_array_equal(burnt(shapely.from_wkb(table["geometry"][row].as_py())), mask)
    assert table["score"].to_pylist() == [0.75, None] and table["owner"].to_pylist() == ["Müller", None]


def test_geojson_is_as_rfc_7946_asks_and_gdal_finds_the_masks_in_it(tmp_path):
    found = discs()
    [path] = write(found, tmp_path, ["geojson"])
    content = json.loads(path.read_text())
    first, second = content["features"]
    assert (
        "crs" not in content and first["geometry"]["type"] == "Polygon" and second["geometry"]["type"] == "MultiPolygon"
    )
    for exterior, *holes in [first["geometry"]["coordinates"], *second["geometry"]["coordinates"]]:
        assert exterior[0] == exterior[-1] and shapely.LinearRing(exterior).is_ccw
        assert not any(shapely.LinearRing(hole).is_ccw for hole in holes)
    assert 13 < exterior[0][0] < 14 and 46 < exterior[0][1] < 47  # longitude, then latitude
    vector = read_vector_prompts(path)
    for prompt, mask in zip(pixel_prompts(vector, TURNED, (120, 160)), found.masks, strict=True):
        np.testing.assert_array_equal(prompt.mask((120, 160)), mask)


@pytest.mark.parametrize("name", ["geotiff", "cog"])
def test_a_label_map_lies_where_its_image_does(tmp_path, name):
    found = discs()
    [path] = write(found, tmp_path, [name])
    with rasterio.open(path) as file:
        assert tuple(file.transform)[:6] == TURNED.transform and file.crs == rasterio.CRS.from_epsg(32633)
        assert file.dtypes == ("uint32",) and file.nodata == 0
        assert (file.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") == "COG") == (name == "cog")
        np.testing.assert_array_equal(file.read(1), found.label_map())
    assert not images_in(tmp_path).files  # it is known for a result


def test_no_masks_make_empty_files_with_all_columns(tmp_path):
    empty = discs()[:0]
    for path in write(empty, tmp_path, ["gpkg", "geoparquet", "geojson", "geotiff"]):
        if path.suffix == ".gpkg":
            about, _, wkb, _ = pyogrio.raw.read(path)
            assert len(wkb) == 0 and {"label", "score", "area_m2"} <= set(about["fields"]) and about["crs"] == UTM


def test_a_map_whose_crs_is_not_known_keeps_its_transform(tmp_path):
    place = Georeference(TURNED.transform)
    paths = write(discs(place), tmp_path, ["gpkg", "geotiff", "geoparquet"])
    about, _, wkb, _ = pyogrio.raw.read(paths[0])
    assert "area_m2" not in about["fields"]
    np.testing.assert_array_equal(burnt(shapely.from_wkb(wkb[0])), discs().masks[0])


def test_outlines_can_be_simplified_in_units_of_the_map(tmp_path):
    write(discs(), tmp_path / "exact", ["gpkg"])
    write(discs(), tmp_path / "simple", ["gpkg"], simplify=0.6)
    exact, simple = (pyogrio.raw.read(tmp_path / name / "field.gpkg") for name in ("exact", "simple"))
    errors = dict(zip(simple[0]["fields"], simple[3], strict=True))["outline_error"]
    assert 0 < errors.max() <= 0.6
    for before, after in zip(exact[2], simple[2], strict=True):
        assert (
            shapely.get_num_coordinates(shapely.from_wkb(after))
            < shapely.get_num_coordinates(shapely.from_wkb(before)) / 2
        )


READ_BACK = ["gpkg", "geoparquet", "geojson", "geotiff", "cog"]


@pytest.mark.parametrize("name", READ_BACK)
def test_what_is_written_is_read_back_with_its_place(tmp_path, name):
    if name == "geoparquet":
        pytest.importorskip("pyarrow.parquet")
    found = discs()
    [path] = write(found, tmp_path, [name])
    [again] = read(path, name)
    assert again.image_size_hw == (120, 160) and again.labels == found.labels
    np.testing.assert_array_equal(np.asarray(again.masks), np.asarray(found.masks))
    np.testing.assert_array_equal(again.scores, found.scores)
    place = again.metadata["georeference"]
    assert place.crs == UTM and place.transform == pytest.approx(TURNED.transform, abs=1e-9)
    if name not in ("geotiff", "cog"):
        assert again.image_name == "field.tif"
        assert again.columns["owner"] == ("Müller", None)
        assert [int(one) for one in again.columns["floors"]] == [2, 5]
        assert [int(one) for one in again.columns["id"]] == [77, 78]
    write(again, tmp_path / "again", [name])  # and can be written as it was


@pytest.mark.parametrize("name", ["gpkg", "geoparquet", "geojson"])
def test_no_attribute_hides_a_column_that_such_files_have_of_their_own(tmp_path, name):
    if name == "geoparquet":
        pytest.importorskip("pyarrow.parquet")
    columns = {"fid": ("a", None), "Geom": (1, 2), "geometry": ("x", "y"), "name": ("n", "m"), "Name": ("N", "M")}
    columns |= {"name_given": ("g", "h"), "rowid": (3, 3)}
    found = replace(discs(), columns=columns)
    [path] = write(found, tmp_path, [name])
    [again] = read(path, name)
    np.testing.assert_array_equal(np.asarray(again.masks), np.asarray(found.masks))
    assert {name: tuple(values) for name, values in again.columns.items()} == columns


@pytest.mark.parametrize("name", READ_BACK)
def test_a_torn_file_is_an_error_or_all_of_it(tmp_path, name):
    if name == "geoparquet":
        pytest.importorskip("pyarrow.parquet")
    found = discs()
    [path] = write(found, tmp_path, [name])
    whole = path.read_bytes()
    for length in [*range(1, 60, 9), *np.linspace(60, len(whole) - 1, 40).astype(int)]:
        path.write_bytes(whole[:length])
        try:
            [again] = read(path, name)
        except DataError:
            continue
        np.testing.assert_array_equal(np.asarray(again.masks), np.asarray(found.masks), err_msg=f"{length} bytes")


def test_the_suffix_says_the_format(tmp_path):
    for path in write(discs(), tmp_path, ["gpkg", "geojson", "geotiff"]):
        assert len(read(path)[0]) == 2
    with pytest.raises(OptionError, match="name its format"):
        read("masks.xyz")
    with pytest.raises(OptionError, match="cannot be read"):
        read(tmp_path / "field.csv")


def test_a_geopackage_of_another_program_says_what_to_do_with_it(tmp_path):
    geometry = np.array([shapely.to_wkb(shapely.box(400_000, 5_199_900, 400_010, 5_199_990))], object)
    path = tmp_path / "theirs.gpkg"
    pyogrio.raw.write(str(path), geometry, [np.array([3])], ["number"], geometry_type="Polygon", crs=UTM)
    with pytest.raises(DataError, match="--prompts"):
        read(path)


def test_a_label_map_of_another_program_has_an_object_for_each_number(tmp_path):
    labels = np.zeros((1, 20, 30), np.int32)
    labels[0, 2:8, 3:9], labels[0, 10:15, 20:28], labels[0, :, 0] = 7, 900, -1
    path = write_raster(tmp_path / "theirs.tif", labels, TURNED.transform, nodata=-1)
    [found] = read(path)
    assert found.areas.tolist() == [36, 40] and found.metadata["georeference"].crs == UTM
    floats = write_raster(tmp_path / "heights.tif", labels.astype(np.float32), TURNED.transform)
    with pytest.raises(DataError, match="a label map is one of integers"):
        read(floats)


def test_an_object_under_another_keeps_its_number_and_label(tmp_path):
    whole, part = np.zeros((8, 9), bool), np.zeros((8, 9), bool)
    whole[2:4, 2:4], part[2:4, 2:4] = True, True
    found = Instances.from_masks(
        [whole, part], labels=["a", "b"], metadata={"georeference": TURNED}, image_name="m.tif"
    )
    [path] = write(found, tmp_path, ["geotiff"])
    [again] = read(path)
    assert again.labels == ("a", "b") and sorted(again.areas.tolist()) == [0, 4]
