"""Prompts from vector files, in pixels."""

import json

import numpy as np
import pytest

from hqsam.errors import DataError, DataWarning
from hqsam.geo.georeference import Georeference
from hqsam.geo.vector_prompts import VectorPrompts, attribute_columns, pixel_prompts, read_vector_prompts
from tests.geo.rasters import NORTH_UP, UTM

raw = pytest.importorskip("pyogrio.raw", reason="needs hqsam[geo]")
shapely = pytest.importorskip("shapely")
PLACE = Georeference(NORTH_UP, UTM)
SIZE = (100, 200)


def write_features(path, shapes, crs=UTM, **columns):
    """Write shapes whose coordinates are pixels of `PLACE`."""
    on_map = [shapely.transform(shape, PLACE.to_map) for shape in shapes]
    kinds = {shape.geom_type for shape in shapes}
    raw.write(
        str(path), geometry=np.array([shapely.to_wkb(one) for one in on_map], object), crs=crs,
        field_data=[np.array(values) for values in columns.values()], fields=list(columns),
        geometry_type=kinds.pop() if len(kinds) == 1 else "Unknown", promote_to_multi=False,
    )  # fmt: skip
    return path


def test_points_boxes_and_polygons_become_prompts_with_their_attributes(tmp_path):
    triangle = shapely.Polygon([(60, 20), (90, 20), (60, 50)])
    shapes = [shapely.Point(10, 20), shapely.MultiPoint([(30, 40), (32, 41)]), shapely.box(5, 6, 25, 36), triangle]
    path = write_features(tmp_path / "a.gpkg", shapes, owner=["a", "b", None, "d"], floors=[1, 2, 3, 4])
    point, two, box, polygon = prompts = pixel_prompts(read_vector_prompts(path), PLACE, SIZE)
    np.testing.assert_allclose(point.points, [[10, 20]])
    np.testing.assert_allclose(two.points, [[30, 40], [32, 41]])
    np.testing.assert_allclose(box.box, [5, 6, 25, 36])
    assert not box.polygons
    np.testing.assert_allclose(polygon.box, [60, 20, 90, 50])
    assert abs(int(polygon.mask(SIZE).sum()) - 450) < 20
    assert attribute_columns(prompts) == {"owner": ("a", "b", None, "d"), "floors": (1, 2, 3, 4)}


def test_a_file_in_longitude_and_latitude_lies_where_it_should(tmp_path):
    pyproj = pytest.importorskip("pyproj")
    degrees = pyproj.Transformer.from_crs(UTM, "EPSG:4326", always_xy=True)
    x, y = degrees.transform(*PLACE.to_map(np.array([[50.0, 60.0]])).T)
    point = {"type": "Point", "coordinates": [x[0], y[0]]}
    content = {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, "geometry": point}]}
    path = tmp_path / "point.geojson"
    path.write_text(json.dumps(content))
    [prompt] = pixel_prompts(read_vector_prompts(path), PLACE, SIZE)
    np.testing.assert_allclose(prompt.points, [[50, 60]], atol=1e-3)
    assert prompt.attributes == {}


def test_what_lies_elsewhere_is_left_out_with_a_word(tmp_path):
    shapes = [shapely.box(-50, -50, 10, 10), shapely.box(300, 0, 310, 10), shapely.LineString([(1, 1), (9, 9)])]
    vector = read_vector_prompts(write_features(tmp_path / "a.gpkg", shapes, n=[1, 2, 3]))
    with pytest.warns(DataWarning, match="1 outside of the image, 1 neither a point nor a polygon"):
        [prompt] = pixel_prompts(vector, PLACE, SIZE)
    np.testing.assert_allclose(prompt.box, [0, 0, 10, 10])  # cut at the image's edge
    with pytest.raises(DataError, match=r"none of the features of a\.gpkg is a prompt on field"):
        pixel_prompts(vector, PLACE.window(5000, 5000), SIZE, "field.tif")
    with pytest.raises(DataError, match=r"field\.tif has no place"):
        pixel_prompts(vector, None, SIZE, "field.tif")


def test_a_prompt_can_be_moved_into_a_window(tmp_path):
    triangle = shapely.Polygon([(60, 20), (90, 20), (60, 50)])
    [prompt] = pixel_prompts(read_vector_prompts(write_features(tmp_path / "a.gpkg", [triangle], n=[1])), PLACE, SIZE)
    np.testing.assert_array_equal(prompt.moved(50, 10).mask((60, 80)), prompt.mask(SIZE)[10:70, 50:130])


@pytest.mark.parametrize("content", [b"", b"no vector file at all"])
def test_another_file_is_an_error_that_names_it(tmp_path, content):
    (tmp_path / "odd.gpkg").write_bytes(content)
    with pytest.raises(DataError, match=r"odd\.gpkg"):
        read_vector_prompts(tmp_path / "odd.gpkg")
    with pytest.raises(DataError, match="no such file"):
        read_vector_prompts(tmp_path / "missing.gpkg")


def test_a_feature_too_far_away_for_the_crs_of_the_image_is_left_out(tmp_path):
    pyproj = pytest.importorskip("pyproj")
    x, y = pyproj.Transformer.from_crs(UTM, "EPSG:4326", always_xy=True).transform(
        *PLACE.to_map(np.array([[50.0, 60]])).T
    )
    near, far = shapely.Point(x[0], y[0]), shapely.Point(-170, 500)
    vector = VectorPrompts("world", (near, far), ({}, {}), "EPSG:4326")
    with pytest.warns(DataWarning, match="1 outside of the image"):
        assert len(pixel_prompts(vector, PLACE, SIZE)) == 1


def test_a_rectangle_is_a_box_also_as_the_only_part_of_a_multipolygon():
    shape = shapely.transform(shapely.MultiPolygon([shapely.box(5, 6, 25, 36)]), PLACE.to_map)
    [prompt] = pixel_prompts(VectorPrompts("a", (shape,), ({},)), PLACE, SIZE)
    np.testing.assert_allclose(prompt.box, [5, 6, 25, 36])
    assert not prompt.polygons


def test_a_list_among_the_attributes_is_kept_as_text(tmp_path):
    point = {"type": "Point", "coordinates": [1, 2]}
    features = [{"type": "Feature", "properties": {"tags": [1, 2]}, "geometry": point}]
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    assert read_vector_prompts(path).attributes == ({"tags": "[1, 2]"},)
