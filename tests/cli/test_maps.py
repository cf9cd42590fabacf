"""The command line on maps: coordinates, vector files, and results that lie where they belong."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.geo.rasters import NORTH_UP, UTM, rasterio, write_raster

raw = pytest.importorskip("pyogrio.raw", reason="needs hqsam[geo]")
shapely = pytest.importorskip("shapely")


@pytest.fixture
def field(photos):
    """A photo as a map: half a metre a pixel; 40 rows have no data."""
    with Image.open("coffee.jpg") as image:
        bands = np.asarray(image.convert("RGB")).transpose(2, 0, 1).copy()
    bands = np.maximum(bands, 1)
    bands[:, :40] = 0
    return write_raster(photos / "field.tif", bands, photometric="RGB", nodata=0, tiled=True)


@pytest.fixture
def boxes(photos):
    """Two boxes on the map, with attributes."""
    shapes = [shapely.box(400_010, 5_199_900, 400_100, 5_199_970), shapely.box(400_200, 5_199_850, 400_290, 5_199_950)]
    raw.write(
        str(photos / "boxes.gpkg"), geometry=np.array([shapely.to_wkb(one) for one in shapes], object),
        field_data=[np.array(["pond", "tree"], object), np.array([7, 8])], fields=["label", "parcel"],
        geometry_type="Polygon", crs=UTM,
    )  # fmt: skip
    return photos / "boxes.gpkg"


def table_of(path):
    about, _, wkb, columns = raw.read(str(path))
    assert about["crs"] == UTM
    return dict(zip(about["fields"], columns, strict=True)), wkb


def test_a_box_in_degrees_gives_what_the_same_box_in_pixels_gives(segment, field):
    pyproj = pytest.importorskip("pyproj")
    to_degrees = pyproj.Transformer.from_crs(UTM, "EPSG:4326", always_xy=True)
    x, y = to_degrees.transform([400_085, 400_206], [5_199_895, 5_199_980])
    degrees = f"{x[0]:.12f},{y[0]:.12f},{x[1]:.12f},{y[1]:.12f}"
    by_degrees = segment("field.tif", "--box", degrees, "--crs", "EPSG:4326", "--json")
    by_map = segment("field.tif", "--box", "400085,5199895,400206,5199980", "--crs", "map", "--json")
    by_pixels = segment("field.tif", "--box", "170,40,412,210", "--json")
    assert by_map.code == by_degrees.code == 0
    [expected] = json.loads(by_pixels.out)["objects"]
    assert json.loads(by_map.out)["objects"] == [expected]
    assert json.loads(by_degrees.out)["objects"][0]["box"] == pytest.approx(expected["box"], abs=3)


def test_features_are_segmented_and_their_attributes_are_kept(segment, field, boxes, photos):
    finished = segment("field.tif", "--prompts", boxes, "--format", "gpkg,geojson,geotiff")
    assert finished.code == 0 and "place on Earth" not in finished.err
    table, _ = table_of(photos / "out" / "field.gpkg")
    assert table["label"].tolist() == ["pond", "tree"] and table["parcel"].tolist() == [7, 8]
    with rasterio.open(photos / "out" / "field_labels.tif") as file:
        assert tuple(file.transform)[:6] == NORTH_UP and not file.read(1)[:40].any()


def test_features_in_tiles_of_a_large_map(hqsam, tiny_file, field, boxes, photos):
    model = ("--model", tiny_file, "--device", "cpu", "--precision", "float32")
    finished = hqsam("tiles", "field.tif", "--tile", "200", "--prompts", boxes, "--format", "gpkg,cog", *model)
    assert finished.code == 0, finished.err
    table, wkb = table_of(photos / "out" / "field.gpkg")
    assert table["parcel"].tolist() == [7, 8] and len(wkb) == 2
    for name in ("field_labels.tif", "field_cog_labels.tif"):
        with rasterio.open(photos / "out" / name) as file:
            assert tuple(file.transform)[:6] == NORTH_UP and file.crs == rasterio.CRS.from_epsg(32633)


def test_everything_in_tiles_keeps_the_place_and_finds_nothing_where_there_is_no_data(hqsam, tiny_file, field, photos):
    easy = ("--points-per-side", "2", "--min-score", "-9", "--min-stability", "0", "--tile", "200")
    model = ("--model", tiny_file, "--device", "cpu", "--precision", "float32")
    finished = hqsam("tiles", "field.tif", *easy, *model, "--format", "gpkg", "--json")
    assert finished.code == 0, finished.err
    record = json.loads(finished.out)
    table, _ = table_of(photos / "out" / "field.gpkg")
    assert record["count"] == len(table["id"]) and str(photos / "out" / "field.gpkg").endswith(record["files"][-1])
    with rasterio.open(photos / "out" / "field_labels.tif") as file:
        labels = file.read(1)
        assert tuple(file.transform)[:6] == NORTH_UP and not labels[:40].any()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--box", "1,2,3,4", "--crs", "EPSG:nonsense"), 2, "no coordinate reference system"),
        (("--box", "1,2,3,4", "--prompts", "boxes.gpkg"), 2, "give one or the other"),
        (("--box", "1,2,3,4", "--crs", "map"), 2, "outside the 600 x 400 image"),
        (("--box", "9,9,99,99", "--bands", "1,2"), 2, "one band or three"),
        (("--box", "9,9,99,99", "--bands", "1,2,9"), 1, "has 3 bands"),
        (("--box", "9,9,99,99", "--stretch", "98,2"), 2, "two rising numbers"),
    ],
)
def test_what_cannot_be_meant_is_said(segment, field, boxes, words, code, said):
    finished = segment("field.tif", *words)
    assert (finished.code, said in " ".join(finished.err.split())) == (code, True), finished.err


def test_a_photo_has_no_place_for_coordinates_or_map_formats(segment, photos):
    assert "has no place on a map" in segment("cat.jpg", "--box", "1,2,3,4", "--crs", "EPSG:4326").err
    assert "needs one; write pixel_geojson" in segment("cat.jpg", "--box", "9,9,99,99", "--format", "geojson").err


def test_results_of_overlapping_scenes_are_joined(hqsam, tiny_file, photos):
    """Two halves of a map that overlap, segmented by the same boxes on the map."""
    with Image.open("coffee.jpg") as image:
        bands = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    write_raster(photos / "west.tif", bands[:, :, :400].copy(), photometric="RGB")
    east = (NORTH_UP[0], 0.0, NORTH_UP[2] + 150, 0.0, NORTH_UP[4], NORTH_UP[5])
    write_raster(photos / "east.tif", bands[:, :, 300:].copy(), east, photometric="RGB")
    model = ("--model", tiny_file, "--device", "cpu", "--precision", "float32")
    easy = ("--points-per-side", "2", "--min-score", "-9", "--min-stability", "0", "--tile", "400")
    assert hqsam("tiles", "west.tif", "east.tif", *easy, *model, "--format", "gpkg").code == 0
    counts = [len(table_of(photos / "out" / f"{name}.gpkg")[1]) for name in ("west", "east")]
    finished = hqsam("join", "out/west.gpkg", "out/east.gpkg", "--format", "gpkg,geotiff", "--name", "both", "--json")
    assert finished.code == 0, finished.err
    record = json.loads(finished.out)
    assert record["scenes"] == 2 and 0 < record["count"] <= sum(counts)
    table, wkb = table_of(photos / "out" / "both.gpkg")
    assert len(wkb) == record["count"] and sum(value > 1 for value in table["scenes"]) == record["joined"]
    with rasterio.open(photos / "out" / "both_labels.tif") as file:
        assert tuple(file.transform)[:6] == NORTH_UP and file.shape == (400, 600)
    # Label maps of the same runs are read as well, with the labels that the tags keep.
    again = hqsam("join", "out/west_labels.tif", "out/east_labels.tif", "--name", "maps", "--json")
    assert again.code == 0 and json.loads(again.out)["scenes"] == 2


def test_results_without_a_place_cannot_be_joined(hqsam, segment, photos):
    assert segment("cat.jpg", "--box", "9,9,99,99", "--format", "coco").code == 0
    finished = hqsam("join", "out/cat_coco.json")
    assert finished.code != 0 and "has no place on a map" in finished.err
    assert hqsam("join", "nowhere.gpkg").code != 0
