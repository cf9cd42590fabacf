"""Outlines on maps, checked by GDAL's own rasterizer."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hqsam.errors import OptionError
from hqsam.geo.georeference import Georeference
from hqsam.geo.map_outlines import map_outlines, pixel_polygons
from hqsam.geo.measures import area_and_perimeter
from hqsam.masks.instances import Instances
from hqsam.masks.polygons import from_polygons
from tests.geo.rasters import NORTH_UP, UTM, rasterio
from tests.masks.strategies import dense_noise, sizes

features = pytest.importorskip("rasterio.features")
PLACE = Georeference(NORTH_UP, UTM)
TURNED = Georeference((0.4, 0.3, 400_000.0, 0.3, -0.4, 5_200_000.0), UTM)


def outline_of(mask, place=PLACE, **options):
    [outline] = map_outlines(Instances.from_masks([mask]), place, **options)
    return outline


def burnt(geometry, size_hw, place):
    """The mask that GDAL makes of an outline."""
    shapes = [geometry] if not geometry.is_empty else []
    if not shapes:
        return np.zeros(size_hw, bool)
    return features.rasterize(shapes, size_hw, transform=rasterio.Affine(*place.transform)).astype(bool)


@settings(max_examples=25)
@given(st.data(), st.sampled_from([PLACE, TURNED]))
def test_gdal_makes_the_mask_of_its_outline(data, place):
    mask = data.draw(sizes.flatmap(dense_noise))
    outline = outline_of(mask, place)
    assert outline.geometry.is_valid and outline.error == 0
    np.testing.assert_array_equal(burnt(outline.geometry, mask.shape, place), mask)
    np.testing.assert_array_equal(from_polygons(pixel_polygons(outline.geometry, place), mask.shape), mask)


def blob(seed=0, side=160):
    noise = np.random.default_rng(seed).random((side, side)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 6)
    return smooth > np.median(smooth)


@pytest.mark.parametrize("simplify", [0.25, 1.0, 3.0])
def test_simplified_outlines_are_within_the_error_that_is_stated(simplify):
    exact, outline = outline_of(blob()), outline_of(blob(), simplify=simplify)
    assert 0 < outline.error <= simplify
    assert len(outline.geometry.wkt) < len(exact.geometry.wkt) and outline.geometry.is_valid
    assert exact.geometry.hausdorff_distance(outline.geometry) <= outline.error + 1e-9


def test_an_empty_mask_has_no_outline_orthogonal_or_not():
    for orthogonal in (False, True):
        assert outline_of(np.zeros((4, 5), bool), orthogonal=orthogonal).geometry.is_empty


def test_a_length_below_zero_is_an_error():
    with pytest.raises(OptionError, match="units of the map"):
        outline_of(blob(), simplify=-1)


def turned_polygon(corners, degrees, side=200):
    turn = np.deg2rad(degrees)
    corners = np.array(corners, float) @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    canvas = np.zeros((side, side), np.uint8)
    cv2.fillPoly(canvas, [np.rint(corners + side / 2).astype(np.int32)], 1)
    return canvas.astype(bool)


L_SHAPE = [(-60, -40), (60, -40), (60, 0), (0, 0), (0, 50), (-60, 50)]


@pytest.mark.parametrize("degrees", [0, 17, 45, 73])
@pytest.mark.parametrize(("corners", "count"), [([(-60, -30), (60, -30), (60, 30), (-60, 30)], 4), (L_SHAPE, 6)])
def test_a_building_gets_right_angles(corners, count, degrees):
    mask = turned_polygon(corners, degrees)
    [part] = outline_of(mask, orthogonal=True).geometry.geoms
    ring = np.array(part.exterior.coords)[:-1]
    before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    cosines = (before * after).sum(axis=1) / np.hypot(*before.T) / np.hypot(*after.T)
    assert len(ring) == count and np.abs(cosines).max() < 1e-6
    again = burnt(part, mask.shape, PLACE)
    assert (again & mask).sum() / (again | mask).sum() > 0.95


def test_what_has_no_right_angles_stays_as_it_is():
    rows, columns = np.indices((100, 100))
    triangle = (rows < 80) & (columns > 10) & (columns < 10 + rows)
    assert outline_of(triangle, orthogonal=True).geometry.equals(outline_of(triangle).geometry)


def test_a_courtyard_stays_a_hole():
    mask = turned_polygon([(-60, -60), (60, -60), (60, 60), (-60, 60)], 30)
    mask &= ~turned_polygon([(-20, -20), (20, -20), (20, 20), (-20, 20)], 30)
    [part] = outline_of(mask, orthogonal=True).geometry.geoms
    assert len(part.interiors) == 1 and len(part.interiors[0].coords) == 5


def test_areas_are_in_square_metres_on_the_ellipsoid():
    mask = np.ones((200, 100), bool)  # 100 m x 50 m, 100 km beside the middle of the zone, where the scale is 0.9997
    area, perimeter = area_and_perimeter(outline_of(mask).geometry, UTM)
    assert area == pytest.approx(5000 / 0.99972**2, rel=1e-4) and perimeter == pytest.approx(300 / 0.99972, rel=1e-4)
    degrees = Georeference((1, 0, 10, 0, -1, 1), "EPSG:4326")
    whole = outline_of(np.ones((1, 1), bool), degrees).geometry
    assert area_and_perimeter(whole, "EPSG:4326")[0] == pytest.approx(12_308.8e6, rel=1e-4)  # 110.574 x 111.32 km
    assert area_and_perimeter(whole, "") is None


def test_feet_are_made_metres():
    mask = np.ones((10, 10), bool)
    place = Georeference((1, 0, 6_000_000, 0, -1, 2_100_000), "EPSG:2227")
    area, _ = area_and_perimeter(outline_of(mask, place).geometry, place.crs)
    assert area == pytest.approx(100 * 0.3048006**2, rel=2e-4)


def test_a_crs_whose_angles_are_grads_is_measured_in_metres():
    shapely = pytest.importorskip("shapely")
    area, perimeter = area_and_perimeter(shapely.box(600_000, 2_200_000, 601_000, 2_201_000), "EPSG:27572")
    scale = 0.99987742  # of the projection at its origin, by its definition
    assert area == pytest.approx(1e6 / scale**2, rel=1e-6) and perimeter == pytest.approx(4000 / scale, rel=1e-6)
