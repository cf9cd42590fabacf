import contextlib
import io
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from PIL import Image
from pycocotools.coco import COCO

from hqsam.errors import DataWarning
from hqsam.formats import coco
from hqsam.masks.instances import Instances
from tests.formats.samples import AWKWARD_INSTANCES, contents, everything_of, instances_of, named, trip, write

# pycocotools 2.0.11 has not caught up with NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
each_in_the_same_folder = settings(
    max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


def read_by_pycocotools(path):
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


@pytest.mark.parametrize("outlines", ["runs", "polygons"])
@each_in_the_same_folder
@given(content=contents)
def test_pycocotools_reads_the_same_masks_boxes_and_labels(content, outlines, tmp_path):
    instances = instances_of(content)
    (path,) = write(coco, instances, tmp_path, outlines=outlines)
    theirs = read_by_pycocotools(path)
    annotations = theirs.loadAnns(theirs.getAnnIds())
    assert len(annotations) == len(instances)
    for annotation, one in zip(annotations, instances, strict=True):
        assert np.array_equal(theirs.annToMask(annotation), one.mask(0))
        assert annotation["area"] == one.mask(0).sum()
        x, y, width, height = annotation["bbox"]
        assert [x, y, x + width, y + height] == one.boxes[0].tolist()
        assert theirs.loadCats(annotation["category_id"])[0]["name"] == one.labels[0]


@pytest.mark.parametrize("name", AWKWARD_INSTANCES)
def test_awkward_masks_are_the_same_to_pycocotools_as_polygons(name, tmp_path):
    instances = AWKWARD_INSTANCES[name]
    theirs = read_by_pycocotools(write(coco, instances, tmp_path, outlines="polygons")[0])
    (annotation,) = theirs.loadAnns(theirs.getAnnIds())
    if instances.areas[0]:
        assert np.array_equal(theirs.annToMask(annotation), instances.mask(0))


@each_in_the_same_folder
@given(content=contents)
def test_polygons_are_read_back_exactly(content, tmp_path):
    instances = instances_of(content)
    assert everything_of(trip(coco, instances, tmp_path, outlines="polygons")) == everything_of(instances)


SQUARE = np.zeros((6, 8), bool)
SQUARE[1:4, 2:7] = True


def test_many_photos_go_into_one_file_with_shared_categories(tmp_path):
    photos = [
        named(SQUARE, SQUARE, labels=["dog", "cat"], image_name="b.jpg"),
        Instances.empty((6, 8), "a.jpg"),
        named(SQUARE, labels="dog", image_name="c.jpg"),
    ]
    path = coco.write_dataset(photos, tmp_path / "all.json")
    assert list(map(everything_of, coco.read(path))) == list(map(everything_of, photos))
    content = json.loads(path.read_text())
    assert [category["name"] for category in content["categories"]] == ["cat", "dog"]
    assert [annotation["id"] for annotation in content["annotations"]] == [1, 2, 3]
    assert [annotation["image_id"] for annotation in content["annotations"]] == [1, 1, 3]


def test_the_same_document_gives_the_same_bytes(tmp_path):
    instances = AWKWARD_INSTANCES["a chessboard"]
    first = write(coco, instances, tmp_path)[0].read_bytes()
    assert write(coco, instances, tmp_path)[0].read_bytes() == first


def dataset(**changes):
    annotation = {"id": 1, "image_id": 7, "category_id": 3, "segmentation": [[0, 0, 4, 0, 4, 3, 0, 3]]}
    return {
        "images": [{"id": 7, "file_name": "x.jpg", "height": 6, "width": 8}],
        "annotations": [annotation | changes],
        "categories": [{"id": 3, "name": "kite"}],
    }


def read(content, folder):
    path = folder / "given.json"
    path.write_text(json.dumps(content))
    (instances,) = coco.read(path)
    return instances


def test_polygons_of_others_are_filled_as_pycocotools_fills_them(tmp_path):
    ring = [0.7, 0.3, 6.2, 1.1, 4.9, 5.5]
    (one,) = read(dataset(segmentation=[ring]), tmp_path)
    theirs = read_by_pycocotools(tmp_path / "given.json")
    assert np.array_equal(one.mask(0), theirs.annToMask(theirs.loadAnns(1)[0]))
    assert one.labels[0] == "kite"


def test_crowds_with_uncompressed_runs_are_read(tmp_path):
    (one,) = read(dataset(segmentation={"size": [6, 8], "counts": [6, 3, 39]}, iscrowd=1), tmp_path)
    assert one.areas[0] == 3


def test_a_crowd_is_known_as_one(tmp_path):
    crowd = read(dataset(segmentation={"size": [6, 8], "counts": [6, 3, 39]}, iscrowd=1), tmp_path)
    assert crowd.columns["iscrowd"] == (1,)
    assert coco.to_coco([crowd])["annotations"][0]["iscrowd"] == 1


def test_what_else_an_annotation_says_comes_back(tmp_path):
    one = read(dataset(stability_score=0.5, attributes={"occluded": True}), tmp_path)
    assert one.columns["attributes"] == ({"occluded": True},) and one.columns["stability_score"] == (0.5,)
    (written,) = coco.to_coco([one])["annotations"]
    assert written["id"] == 1 and written["attributes"] == {"occluded": True}


def test_a_category_that_nobody_names_has_its_number_for_a_name(tmp_path):
    assert read(dataset(category_id=99), tmp_path)[0].labels == ("99",)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"segmentation": []}, r"boxes without masks \(1\)"),
        ({"image_id": 8}, r"annotations of images that are not listed \(1\)"),
        ({"segmentation": {"size": [5, 8], "counts": [6, 3, 31]}}, r"masks of another size than their image \(1\)"),
        ({"segmentation": {"size": [6, 8], "counts": [6, 3, 3]}}, r"damaged run lengths \(1\)"),
        ({"segmentation": [[0, 0, 1, 1, 2, "x"]]}, r"coordinates that are no numbers \(1\)"),
        ({"segmentation": [[0, 0, 1, 1, 2, 2, 3]]}, r"odd number of coordinates \(1\)"),
        ({"segmentation": "no"}, r"neither run lengths nor outlines \(1\)"),
        ({"category_id": None, "image_id": None}, r"damaged annotations \(1\)"),
    ],
)
def test_an_annotation_that_does_not_fit_is_left_out_and_named(changes, reason, tmp_path):
    content = dataset(**changes)
    content["annotations"].append(dataset()["annotations"][0] | {"id": 2})
    with pytest.warns(DataWarning, match=rf"given.json: 1 left out: .*{reason}"):
        instances = read(content, tmp_path)
    assert len(instances) == 1


def test_an_image_without_a_size_is_left_out_and_named(tmp_path):
    content = dataset()
    content["images"].append({"id": 9, "file_name": "y.jpg"})
    with pytest.warns(DataWarning, match=r"images without a size \(9\)"):
        assert len(read(content, tmp_path)) == 1


@pytest.mark.parametrize(
    "segmentation", [[0, 0, 4, 0, 4, 3, 0, 3], [[0, 0], [4, 0], [4, 3], [0, 3]], [[[0, 0], [4, 0], [4, 3], [0, 3]]]]
)
def test_a_flat_outline_and_outlines_of_points_are_read(segmentation, tmp_path):
    assert read(dataset(segmentation=segmentation), tmp_path).rle == read(dataset(), tmp_path).rle


def test_ids_are_the_same_as_text_and_as_numbers(tmp_path):
    assert read(dataset(image_id="7", category_id="3"), tmp_path).labels == ("kite",)


def test_an_image_without_a_size_is_measured_and_without_an_image_left_out(tmp_path):
    content = dataset()
    del content["images"][0]["height"], content["images"][0]["width"]
    (tmp_path / "given.json").write_text(json.dumps(content))
    with pytest.warns(DataWarning, match=r"1 left out: images without a size \(7\)"):
        assert coco.read(tmp_path / "given.json") == []
    Image.new("RGB", (8, 6)).save(tmp_path / "x.jpg")
    assert read(content, tmp_path).rle == read(dataset(), tmp_path).rle


def test_an_annotation_without_a_class_is_an_object_and_of_one_id_are_told_apart(tmp_path):
    content = dataset()
    content["annotations"] += [{**content["annotations"][0], "category_id": None}]
    assert read(content, tmp_path).labels == ("kite", "object")
