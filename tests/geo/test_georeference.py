"""Transforms between pixels and maps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hqsam.errors import OptionError, PromptError
from hqsam.geo.georeference import Georeference
from hqsam.geo.map_prompts import prompt_in_pixels

sizes = st.floats(0.01, 100)
turns = st.floats(-3.1, 3.1)
origins = st.floats(-1e7, 1e7)


def placed(width, height, turn, x, y, crs="EPSG:32633"):
    """North up, then turned."""
    return Georeference(
        (width * np.cos(turn), height * np.sin(turn), x, width * np.sin(turn), -height * np.cos(turn), y), crs
    )


@given(sizes, sizes, turns, origins, origins, st.lists(st.tuples(*[st.floats(0, 1e5)] * 2), min_size=1, max_size=5))
def test_pixels_come_back_from_the_map(width, height, turn, x, y, points):
    place = placed(width, height, turn, x, y)
    again = place.to_pixels(place.to_map(np.array(points)))
    # A map coordinate of ten million holds a billionth of a metre, and pixels may be a centimetre.
    np.testing.assert_allclose(again, points, atol=1e-5)


@given(sizes, sizes, turns, origins, origins, st.integers(0, 5000), st.integers(0, 5000))
def test_a_window_lies_where_its_pixels_do(width, height, turn, x, y, left, top):
    place = placed(width, height, turn, x, y)
    inside = np.array([[3.0, 4.0]])
    np.testing.assert_allclose(
        place.window(left, top).to_map(inside), place.to_map(inside + np.array([left, top])), rtol=1e-12, atol=1e-6
    )


def test_the_transform_is_rasterio_s():
    rasterio = pytest.importorskip("rasterio")
    pytest.importorskip("rasterio.transform")
    place = placed(0.4, 0.6, 0.3, 5e5, 4e6)
    expected = rasterio.transform.xy(rasterio.Affine(*place.transform), 4.5, 17.25, offset="ul")
    np.testing.assert_allclose(place.to_map(np.array([17.25, 4.5])), expected)


def test_a_box_on_the_map_is_two_opposite_corners_in_any_order():
    place = Georeference((0.5, 0, 400_000, 0, -0.5, 5_200_000), "EPSG:32633")
    expected = [20, 40, 120, 90]
    for box in ((400_010, 5_199_980, 400_060, 5_199_955), (400_060, 5_199_955, 400_010, 5_199_980)):
        np.testing.assert_allclose(place.box_to_pixels(box), expected)


def test_longitude_and_latitude_become_pixels():
    pyproj = pytest.importorskip("pyproj")
    place = placed(0.3, 0.3, 0.5, 400_000, 5_200_000)
    points = np.array([[10.0, 20.0], [333.25, 51.5]])
    to_degrees = pyproj.Transformer.from_crs("EPSG:32633", "EPSG:4326", always_xy=True)
    degrees = np.stack(to_degrees.transform(*place.to_map(points).T), axis=1)
    np.testing.assert_allclose(place.to_pixels(degrees, "EPSG:4326"), points, atol=1e-3)
    found = prompt_in_pixels({"points": degrees.tolist(), "labels": [1, 0], "source": "hq"}, place, "EPSG:4326")
    np.testing.assert_allclose(found["points"], points, atol=1e-3)
    assert found["labels"] == [1, 0] and found["source"] == "hq"


def test_a_box_in_degrees_holds_its_curved_sides():
    pytest.importorskip("pyproj")
    place = Georeference((1000, 0, -2_000_000, 0, -1000, 6_000_000), "EPSG:3035")
    x0, y0, x1, y1 = place.box_to_pixels((0, 40, 20, 60), "EPSG:4326")
    middle = place.to_pixels(np.array([10.0, 40.0]), "EPSG:4326")
    assert x0 < middle[0] < x1 and y0 < middle[1] <= y1
    corners = place.to_pixels(np.array([[0.0, 40], [20, 40]]), "EPSG:4326")
    assert y1 > corners[:, 1].max() + 1  # the southern side hangs lower than its corners


@pytest.mark.parametrize("crs", ["EPSG:99999999", "nonsense"])
def test_an_unknown_crs_is_an_error_that_shows_one(crs):
    pytest.importorskip("pyproj")
    place = Georeference((1, 0, 0, 0, -1, 0), "EPSG:32633")
    with pytest.raises(OptionError, match="give one such as EPSG:4326"):
        place.to_pixels(np.zeros(2), crs)


def test_an_image_whose_crs_is_not_known_takes_no_other():
    with pytest.raises(OptionError, match="does not say in which"):
        Georeference((1, 0, 0, 0, -1, 0)).to_pixels(np.zeros(2), "EPSG:4326")


def test_a_point_that_is_nowhere_on_the_map_is_an_error():
    pytest.importorskip("pyproj")
    with pytest.raises(PromptError, match="check --crs"):
        Georeference((1, 0, 0, 0, -1, 0), "EPSG:32633").to_pixels(np.array([400_000.0, 5_200_000.0]), "EPSG:4326")


def test_map_coordinates_for_an_image_without_a_place_are_an_error():
    with pytest.raises(PromptError, match=r"photo\.jpg has no place on a map"):
        prompt_in_pixels({"box": (0, 0, 1, 1)}, None, "EPSG:4326", "photo.jpg")
