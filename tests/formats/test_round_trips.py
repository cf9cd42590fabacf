"""What is written comes back, in every format that can be read."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from hqsam.errors import DataError
from hqsam.formats import FORMATS, coco, geojson, label_map, labelme, png, sam, svg, yolo
from hqsam.formats.document import Document, MaskedObject
from tests.formats.documents import AWKWARD_DOCUMENTS, contents, document_of, shapes, trip

each_in_the_same_folder = settings(
    max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
OUTLINES = {"coco": coco, "svg": svg, "labelme": labelme, "geojson": geojson, "yolo": yolo, "sam": sam}
KEEPS_SCORES = {"coco": coco, "svg": svg, "labelme": labelme, "geojson": geojson, "sam": sam}


def picture_of(size_hw, folder):
    from PIL import Image

    Image.new("RGB", size_hw[::-1]).save(folder / "Foto 1.jpg")
    Image.new("RGB", size_hw[::-1]).save(folder / "photo.jpg")


@pytest.mark.parametrize("module", OUTLINES.values(), ids=OUTLINES)
@each_in_the_same_folder
@given(content=contents)
def test_masks_and_labels_come_back_pixel_for_pixel(content, module, tmp_path):
    document = document_of(content)
    picture_of(document.size_hw, tmp_path)
    assert shapes(trip(module, document, tmp_path)) == shapes(document)


@pytest.mark.parametrize("module", KEEPS_SCORES.values(), ids=KEEPS_SCORES)
@each_in_the_same_folder
@given(content=contents)
def test_scores_and_the_photo_s_name_come_back_too(content, module, tmp_path):
    document = document_of(content)
    assert trip(module, document, tmp_path) == document


@pytest.mark.parametrize("name", AWKWARD_DOCUMENTS)
@pytest.mark.parametrize("module", OUTLINES.values(), ids=OUTLINES)
def test_awkward_masks_come_back(module, name, tmp_path):
    document = AWKWARD_DOCUMENTS[name]
    picture_of(document.size_hw, tmp_path)
    lost = not document.objects[0].area and module in (yolo, labelme)
    assert shapes(trip(module, document, tmp_path)) == ([] if lost else shapes(document))


@each_in_the_same_folder
@given(content=contents)
def test_png_masks_come_back_one_by_one(content, tmp_path):
    document = document_of(content)
    paths = png.write(document, tmp_path)
    assert tuple(one for path in paths for one in png.read(path)[0].objects) == document.objects


@each_in_the_same_folder
@given(content=contents)
def test_a_label_map_keeps_objects_as_far_as_they_do_not_overlap(content, tmp_path):
    document = document_of(content)
    (again,) = label_map.read(label_map.write(document, tmp_path, order="last_on_top")[0])
    assert [(one.label, one.score) for one in again.objects] == [(one.label, one.score) for one in document.objects]
    covered = np.zeros(document.size_hw, bool)
    for before, after in reversed(list(zip(document.objects, again.objects, strict=True))):
        assert np.array_equal(after.mask, before.mask & ~covered)
        covered |= before.mask


@pytest.mark.parametrize("name", [name for name, each in FORMATS.items() if each.read])
def test_no_objects_are_written_and_read_as_none(name, tmp_path):
    picture_of((5, 7), tmp_path)
    paths = FORMATS[name].write(Document("photo.jpg", (5, 7)), tmp_path)
    if name != "png":
        assert FORMATS[name].read(paths[0])[0].objects == ()


@pytest.mark.parametrize("module", [svg, labelme, geojson, yolo])
def test_simplified_outlines_are_smaller_files_and_nearly_the_same_mask(module, tmp_path):
    y, x = np.indices((200, 240))
    ring = (np.hypot(x - 120, y - 100) < 80) & (np.hypot(x - 110, y - 95) > 30)
    document = Document("photo.jpg", (200, 240), (MaskedObject.of(ring),))
    picture_of(document.size_hw, tmp_path)
    exact = module.write(document, tmp_path)[0].stat().st_size
    (again,) = trip(module, document, tmp_path, tolerance=1.0).objects
    assert module.write(document, tmp_path, tolerance=1.0)[0].stat().st_size < exact / 2
    assert (again.mask & ring).sum() / (again.mask | ring).sum() > 0.97


@pytest.mark.parametrize("name", [name for name, each in FORMATS.items() if each.read])
@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b"\xff\xfe\x00", b"<svg/>", b'{"images": 3, "shapes": 3, "features": 3}', b"0 1 2"],
)
def test_a_file_of_something_else_is_an_error_that_names_it(name, content, tmp_path):
    path = tmp_path / "strange.xyz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"strange\.xyz"):
        FORMATS[name].read(path)


@pytest.mark.parametrize("name", [name for name, each in FORMATS.items() if each.read])
def test_a_missing_file_is_an_error_that_names_it(name, tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        FORMATS[name].read(tmp_path / "nowhere.xyz")


@pytest.mark.parametrize(
    "name", [name for name, each in FORMATS.items() if each.read and name not in ("png", "label_map")]
)
def test_a_torn_file_is_an_error_and_not_half_a_result(name, tmp_path):
    document = AWKWARD_DOCUMENTS["rings in rings"]
    picture_of(document.size_hw, tmp_path)
    path = FORMATS[name].write(document, tmp_path)[0]
    whole = path.read_bytes()
    for length in range(1, len(whole) - 2, 7):
        path.write_bytes(whole[:length])
        try:
            (read,) = FORMATS[name].read(path)
        except DataError:
            continue
        assert name == "yolo" and len(read.objects) <= 1  # lines of numbers have no end mark
