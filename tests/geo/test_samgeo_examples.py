"""What samgeo's published examples do, done with hqsam on a drawn map: trees are discs, in Web Mercator.

The notebooks are automatic_mask_generator_hq, box_prompts, text_prompts and text_prompts_batch of its documentation.
"""

import json

import numpy as np
import pytest

from hqsam import formats
from hqsam.geo.crs import transform_points
from hqsam.geo.georeference import Georeference
from hqsam.geo.join_scenes import join_scenes
from hqsam.geo.vector_prompts import read_vector_prompts
from hqsam.masks.boundary import iou
from hqsam.predict.segment_features import segment_features
from hqsam.text.text_in_tiles import segment_text_in_tiles
from tests.geo.rasters import rasterio, write_raster
from tests.predict.seeing import discs, seeing_segmenter
from tests.text.seeing_detector import BrightThings

raw = pytest.importorskip("pyogrio.raw", reason="needs hqsam[geo]")
shapely = pytest.importorskip("shapely")
MERCATOR, DEGREES = "EPSG:3857", "EPSG:4326"
PLACE = Georeference((0.3, 0.0, -5_705_800.0, 0.0, -0.3, -2_532_700.0), MERCATOR)
PIXELS, TREES = discs((300, 420), (70, 80, 40), (190, 200, 50), (330, 90, 45), (360, 240, 35))


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("map") / "Image.tif"
    return write_raster(
        path, PIXELS.transpose(2, 0, 1).copy(), PLACE.transform, MERCATOR, photometric="RGB", tiled=True
    )


@pytest.fixture(scope="module")
def segmenter():
    return seeing_segmenter()[0]


def box_in_degrees(mask):
    """Left, bottom, right, top of a tree, as drawn by hand on a web map."""
    rows, columns = np.nonzero(mask)
    corners = np.array([[columns.min(), rows.max() + 1], [columns.max() + 1, rows.min()]])
    return transform_points(PLACE.to_map(corners), MERCATOR, DEGREES).ravel().tolist()


def assert_trees(labels, trees=TREES):
    """A label map has each of the trees as one number."""
    for tree in trees:
        number = np.bincount(labels[tree]).argmax()
        assert number > 0 and iou(labels == number, tree) > 0.85


def test_automatic_masks_of_a_geotiff_as_a_raster_of_unique_numbers_and_as_vectors(segmenter, image, tmp_path):
    found = segmenter.everything(image, points_per_side=8, stability_score_thresh=0.8)
    found.save(tmp_path, "geotiff", "gpkg", "overlay")
    with rasterio.open(tmp_path / "Image_labels.tif") as file:
        assert file.crs == rasterio.CRS.from_epsg(3857) and tuple(file.transform)[:6] == PLACE.transform
        assert_trees(file.read(1))
    about, _, wkb, _ = raw.read(str(tmp_path / "Image.gpkg"))
    assert about["crs"] == MERCATOR and len(wkb) == len(found) == len(TREES)
    assert (tmp_path / "Image_overlay.png").exists()


def test_automatic_masks_with_the_options_that_the_example_tunes(segmenter, image):
    options = {"points_per_side": 16, "pred_iou_thresh": 0.86, "stability_score_thresh": 0.8, "crop_n_layers": 1}
    options |= {"crop_n_points_downscale_factor": 2, "min_mask_region_area": 100}
    assert_trees(segmenter.everything(image, **options).label_map())


def test_boxes_in_degrees_as_a_list(segmenter, image, tmp_path):
    session = segmenter.open(image)
    boxes = [box_in_degrees(tree) for tree in TREES[:2]]
    found = session.segment(boxes=[session.georeference.box_to_pixels(box, DEGREES) for box in boxes])
    found.save(tmp_path, "geotiff")
    with rasterio.open(tmp_path / "Image_labels.tif") as file:
        assert_trees(file.read(1), TREES[:2])


def test_boxes_of_a_vector_file(segmenter, image, tmp_path):
    features = [
        {
            "type": "Feature",
            "properties": {"species": f"kind {number}"},
            "geometry": json.loads(shapely.to_geojson(shapely.box(*box_in_degrees(tree)))),
        }
        for number, tree in enumerate(TREES)
    ]
    path = tmp_path / "tree_boxes.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    found = segment_features(segmenter.open(image), read_vector_prompts(path))
    assert found.columns["species"] == tuple(f"kind {number}" for number in range(len(TREES)))
    for mask, tree in zip(found.masks, TREES, strict=True):
        assert iou(mask, tree) > 0.85


def test_trees_by_their_name_as_raster_and_vectors(segmenter, image, tmp_path):
    found = segmenter.segment_text(image, "tree", detector=BrightThings(), threshold=0.22)
    found.save(tmp_path, "geotiff", "gpkg", "geojson")
    about, _, _, columns = raw.read(str(tmp_path / "Image.gpkg"))
    table = dict(zip(about["fields"], columns, strict=True))
    assert set(table["label"]) == {"tree"} and (table["prompt_score"] >= 0.22).all()
    with rasterio.open(tmp_path / "Image_labels.tif") as file:
        assert_trees(file.read(1))


def test_trees_by_their_name_in_tiles_that_are_merged(segmenter, image, tmp_path):
    """The example splits the map into files and merges their masks; trees on a border are one here."""
    in_tiles = segment_text_in_tiles(
        segmenter, image, "tree", tmp_path / "tiles", detector=BrightThings(), tile=200, formats=["gpkg"]
    )
    assert in_tiles.count == len(TREES)
    with rasterio.open(in_tiles.label_map) as file:
        assert file.crs == rasterio.CRS.from_epsg(3857)
        assert_trees(file.read(1))
    scenes = []
    for left, right in ((0, 240), (180, 420)):
        part = tmp_path / f"{left}.tif"
        place = PLACE.window(left, 0).transform
        write_raster(part, PIXELS[:, left:right].transpose(2, 0, 1).copy(), place, MERCATOR, photometric="RGB")
        segmenter.segment_text(part, "tree", detector=BrightThings()).save(tmp_path, "gpkg")
        scenes += formats.read(tmp_path / f"{left}.gpkg")
    joined = join_scenes(scenes)
    assert len(joined) == len(TREES) and set(joined.labels) == {"tree"}
    assert_trees(joined.label_map())
