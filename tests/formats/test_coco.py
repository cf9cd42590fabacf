import contextlib
import io
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from pycocotools.coco import COCO

from hqsam.errors import DataError
from hqsam.formats import coco
from hqsam.formats.document import Document, MaskedObject
from tests.formats.documents import AWKWARD_DOCUMENTS, contents, document_of

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
    document = document_of(content)
    (path,) = coco.write(document, tmp_path, outlines)
    theirs = read_by_pycocotools(path)
    annotations = theirs.loadAnns(theirs.getAnnIds())
    assert len(annotations) == len(document.objects)
    for annotation, one in zip(annotations, document.objects, strict=True):
        assert np.array_equal(theirs.annToMask(annotation), one.mask)
        assert annotation["area"] == one.mask.sum()
        x, y, width, height = annotation["bbox"]
        assert [x, y, x + width, y + height] == one.box_xyxy.tolist()
        assert theirs.loadCats(annotation["category_id"])[0]["name"] == one.label


@pytest.mark.parametrize("name", AWKWARD_DOCUMENTS)
def test_awkward_masks_are_the_same_to_pycocotools_as_polygons(name, tmp_path):
    document = AWKWARD_DOCUMENTS[name]
    theirs = read_by_pycocotools(coco.write(document, tmp_path, "polygons")[0])
    (annotation,) = theirs.loadAnns(theirs.getAnnIds())
    if document.objects[0].area:
        assert np.array_equal(theirs.annToMask(annotation), document.objects[0].mask)


@each_in_the_same_folder
@given(content=contents)
def test_polygons_are_read_back_exactly(content, tmp_path):
    document = document_of(content)
    assert coco.read(coco.write(document, tmp_path, "polygons")[0]) == [document]


def square(label):
    mask = np.zeros((6, 8), bool)
    mask[1:4, 2:7] = True
    return MaskedObject.of(mask, label)


def test_many_photos_go_into_one_file_with_shared_categories(tmp_path):
    photos = [
        Document("b.jpg", (6, 8), (square("dog"), square("cat"))),
        Document("a.jpg", (6, 8)),
        Document("c.jpg", (6, 8), (square("dog"),)),
    ]
    path = coco.write_dataset(photos, tmp_path / "all.json")
    assert coco.read(path) == photos
    content = json.loads(path.read_text())
    assert [category["name"] for category in content["categories"]] == ["cat", "dog"]
    assert [annotation["id"] for annotation in content["annotations"]] == [1, 2, 3]
    assert [annotation["image_id"] for annotation in content["annotations"]] == [1, 1, 3]


def test_the_same_document_gives_the_same_bytes(tmp_path):
    document = AWKWARD_DOCUMENTS["a chessboard"]
    first = coco.write(document, tmp_path)[0].read_bytes()
    assert coco.write(document, tmp_path)[0].read_bytes() == first


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
    ((document),) = coco.read(path)
    return document.objects


def test_polygons_of_others_are_filled_as_pycocotools_fills_them(tmp_path):
    ring = [0.7, 0.3, 6.2, 1.1, 4.9, 5.5]
    (one,) = read(dataset(segmentation=[ring]), tmp_path)
    theirs = read_by_pycocotools(tmp_path / "given.json")
    assert np.array_equal(one.mask, theirs.annToMask(theirs.loadAnns(1)[0]))
    assert one.label == "kite"


def test_crowds_with_uncompressed_runs_are_read(tmp_path):
    (one,) = read(dataset(segmentation={"size": [6, 8], "counts": [6, 3, 39]}, iscrowd=1), tmp_path)
    assert one.area == 3


def test_annotations_without_a_mask_are_passed_over(tmp_path):
    assert read(dataset(segmentation=[]), tmp_path) == ()


def test_a_category_that_nobody_names_has_its_number_for_a_name(tmp_path):
    assert read(dataset(category_id=99), tmp_path)[0].label == "99"


@pytest.mark.parametrize(
    "changes",
    [
        {"image_id": 8},
        {"segmentation": {"size": [5, 8], "counts": [6, 3, 31]}},
        {"segmentation": {"size": [6, 8], "counts": [6, 3, 3]}},
        {"segmentation": [[0, 0, 1, 1, 2, "x"]]},
        {"segmentation": [[0, 0, 1, 1, 2, 2, 3]]},
        {"segmentation": "no"},
        {"category_id": None, "image_id": None},
    ],
)
def test_an_annotation_that_does_not_fit_is_an_error(changes, tmp_path):
    with pytest.raises((DataError, ValueError)):
        read(dataset(**changes), tmp_path)
