"""What is written comes back, in every format that can be read."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from hqsam.errors import DataError
from hqsam.formats import FORMATS, coco, geojson, label_map, labelme, pixel_geojson, png, sam, svg, yolo
from hqsam.geo.georeference import Georeference
from hqsam.masks.instances import Instances
from hqsam.optional import is_installed
from tests.formats.samples import AWKWARD_INSTANCES, contents, everything_of, instances_of, named, shapes, trip, write

each_in_the_same_folder = settings(
    max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
OUTLINES = {"coco": coco, "svg": svg, "labelme": labelme, "pixel_geojson": pixel_geojson, "yolo": yolo, "sam": sam}
KEEPS_SCORES = {"coco": coco, "svg": svg, "labelme": labelme, "pixel_geojson": pixel_geojson, "sam": sam}
READABLE = [name for name, each in FORMATS.items() if each.read and (not each.needs_place or is_installed("rasterio"))]
PICTURES = ("png", "label_map", "semantic_map")
TABLES = ("gpkg", "geoparquet", "geotiff", "cog")
"""Files that `test_map_formats` tears, in fewer places: they are long."""
PLACE = {"georeference": Georeference((0.3, 0.04, 400_000, 0.05, -0.3, 5_200_000), "EPSG:32633")}


def picture_of(size_hw, folder):
    from PIL import Image

    Image.new("RGB", size_hw[::-1]).save(folder / "Foto 1.jpg")
    Image.new("RGB", size_hw[::-1]).save(folder / "photo.jpg")


@pytest.mark.parametrize("module", OUTLINES.values(), ids=OUTLINES)
@each_in_the_same_folder
@given(content=contents)
def test_masks_and_labels_come_back_pixel_for_pixel(content, module, tmp_path):
    instances = instances_of(content)
    picture_of(instances.image_size_hw, tmp_path)
    assert shapes(trip(module, instances, tmp_path)) == shapes(instances)


@pytest.mark.parametrize("module", KEEPS_SCORES.values(), ids=KEEPS_SCORES)
@each_in_the_same_folder
@given(content=contents)
def test_scores_and_the_photo_s_name_come_back_too(content, module, tmp_path):
    instances = instances_of(content)
    assert everything_of(trip(module, instances, tmp_path)) == everything_of(instances)


@pytest.mark.skipif(not is_installed("rasterio"), reason="needs hqsam[geo]")
@settings(each_in_the_same_folder, max_examples=10)
@given(content=contents)
def test_masks_come_back_from_longitude_and_latitude_pixel_for_pixel(content, tmp_path):
    instances = replace(instances_of(content), metadata=PLACE)
    assert everything_of(trip(geojson, instances, tmp_path))[:4] == everything_of(instances)[:4]


@pytest.mark.parametrize("name", AWKWARD_INSTANCES)
@pytest.mark.parametrize("module", OUTLINES.values(), ids=OUTLINES)
def test_awkward_masks_come_back(module, name, tmp_path):
    instances = AWKWARD_INSTANCES[name]
    picture_of(instances.image_size_hw, tmp_path)
    lost = not instances.areas[0] and module in (yolo, labelme)
    assert shapes(trip(module, instances, tmp_path)) == ([] if lost else shapes(instances))


@each_in_the_same_folder
@given(content=contents)
def test_png_masks_come_back_one_by_one(content, tmp_path):
    instances = instances_of(content)
    for path, one in zip(write(png, instances, tmp_path), instances, strict=True):
        assert everything_of(png.read(path)[0])[1:] == everything_of(one)[1:]


@each_in_the_same_folder
@given(content=contents)
def test_a_label_map_keeps_objects_as_far_as_they_do_not_overlap(content, tmp_path):
    instances = instances_of(content)
    again = trip(label_map, instances, tmp_path, order="last_on_top")
    assert again.labels == instances.labels
    assert np.array_equal(again.scores, instances.scores, equal_nan=True)
    covered = np.zeros(instances.image_size_hw, bool)
    for before, after in reversed(list(zip(instances.masks, again.masks, strict=True))):
        assert np.array_equal(after, before & ~covered)
        covered |= before


@pytest.mark.parametrize("name", READABLE)
def test_no_objects_are_written_and_read_as_none(name, tmp_path):
    picture_of((5, 7), tmp_path)
    paths = write(FORMATS[name], replace(Instances.empty((5, 7), "photo.jpg"), metadata=PLACE), tmp_path)
    if name != "png":
        assert len(FORMATS[name].read(paths[0])[0]) == 0


@pytest.mark.parametrize("module", [svg, labelme, pixel_geojson, yolo])
def test_simplified_outlines_are_smaller_files_and_nearly_the_same_mask(module, tmp_path):
    y, x = np.indices((200, 240))
    ring = (np.hypot(x - 120, y - 100) < 80) & (np.hypot(x - 110, y - 95) > 30)
    instances = named(ring)
    picture_of(instances.image_size_hw, tmp_path)
    exact = write(module, instances, tmp_path)[0].stat().st_size
    again = trip(module, instances, tmp_path, tolerance=1.0).masks[0]
    assert write(module, instances, tmp_path, tolerance=1.0)[0].stat().st_size < exact / 2
    assert (again & ring).sum() / (again | ring).sum() > 0.97


@pytest.mark.parametrize("name", READABLE)
@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b"\xff\xfe\x00", b"<svg/>", b'{"images": 3, "shapes": 3, "features": 3}', b"0 1 2"],
)
def test_a_file_of_something_else_is_an_error_that_names_it(name, content, tmp_path):
    path = tmp_path / "strange.xyz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"strange\.xyz"):
        FORMATS[name].read(path)


@pytest.mark.parametrize("name", READABLE)
def test_a_missing_file_is_an_error_that_names_it(name, tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        FORMATS[name].read(tmp_path / "nowhere.xyz")


@pytest.mark.parametrize("name", [name for name in READABLE if name not in (*PICTURES, *TABLES)])
def test_a_torn_file_is_an_error_and_not_half_a_result(name, tmp_path):
    instances = replace(AWKWARD_INSTANCES["rings in rings"], metadata=PLACE)
    picture_of(instances.image_size_hw, tmp_path)
    path = write(FORMATS[name], instances, tmp_path)[0]
    whole = path.read_bytes()
    for length in range(1, len(whole) - 2, 7):
        path.write_bytes(whole[:length])
        try:
            (read,) = FORMATS[name].read(path)
        except DataError:
            continue
        assert name == "yolo" and len(read) <= 1  # lines of numbers have no end mark
