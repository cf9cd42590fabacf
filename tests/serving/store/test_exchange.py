"""What is exported is what was annotated, and what is imported is there to be corrected."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from hqsam.errors import ServerError
from hqsam.formats import FORMATS
from tests.serving.servers import photos_in, running, settings_in

READABLE = ("png", "label_map", "coco", "svg", "yolo", "labelme", "geojson")


@pytest.fixture
def alone(_nano, tmp_path):
    """A server whose annotations nobody else changes, with two objects on one photo."""
    with running(settings_in(tmp_path, folder=photos_in(tmp_path / "photos"))) as server:
        yield server


def a_mask(left=100, top=60):
    mask = np.zeros((400, 600), bool)
    mask[top : top + 90, left : left + 120] = True
    mask[top + 20 : top + 40, left + 30 : left + 50] = False
    return mask


def image_called(server, name):
    return next(one["id"] for one in server.client.images() if one["name"] == name)


@pytest.mark.parametrize("name", READABLE)
def test_every_format_reads_back_as_the_masks_that_were_kept(alone, tmp_path, name):
    image = image_called(alone, "coffee 2.jpg")
    alone.client.annotate(image, a_mask(), "cup", score=0.5)
    alone.client.annotate(image, a_mask(300, 200), "spoon")
    path = alone.client.export(tmp_path / "out", name)
    folder = tmp_path / "unpacked"
    if zipfile.is_zipfile(path):
        zipfile.ZipFile(path).extractall(folder)
        files = sorted(file for file in folder.rglob("*") if file.name != "classes.txt")
    else:
        files = [path]
    if name == "yolo":
        photo = (tmp_path / "photos" / "coffee 2.jpg").read_bytes()
        (folder / "coffee 2.jpg").write_bytes(photo)
    objects = [one for file in files for found in FORMATS[name].read(file) for one in found]
    found = {one.labels[0]: one.mask(0) for one in objects}
    assert set(found) == {"cup", "spoon"}
    assert np.array_equal(found["cup"], a_mask()) and np.array_equal(found["spoon"], a_mask(300, 200))


@pytest.mark.parametrize("name", ["cutout", "overlay"])
def test_pictures_are_of_the_photos_size(alone, tmp_path, name):
    image = image_called(alone, "coffee 2.jpg")
    alone.client.annotate(image, a_mask(), "cup")
    with Image.open(alone.client.export(tmp_path / "out.png", name, [image])) as picture:
        assert picture.size == (600, 400)
        if name == "cutout":
            assert np.array_equal(np.asarray(picture)[..., 3] > 127, a_mask())


def test_photos_of_one_name_do_not_write_over_each_other(alone, tmp_path):
    photo = io.BytesIO()
    Image.new("RGB", (600, 400), "red").save(photo, "PNG")
    upload = alone.upload(photo.getvalue(), "coffee 2.png").json["id"]
    for image in (upload, image_called(alone, "coffee 2.jpg"), image_called(alone, "more/cat.jpg")):
        mask = a_mask() if image != image_called(alone, "more/cat.jpg") else np.ones((300, 451), bool)
        alone.client.annotate(image, mask, "thing")
    names = zipfile.ZipFile(alone.client.export(tmp_path / "out.zip", "png")).namelist()
    assert len(names) == len(set(names)) == 3
    assert "more/cat_mask.png" in names


def test_coco_comes_back_by_names_and_what_does_not_fit_is_said(alone, tmp_path):
    image = image_called(alone, "coffee 2.jpg")
    alone.client.annotate(image, a_mask(), "cup")
    path = alone.client.export(tmp_path / "coco.json")
    content = json.loads(path.read_text())
    content["images"] += [{"id": 77, "file_name": "elsewhere.jpg", "height": 3, "width": 4}]
    content["images"] += [{"id": 78, "file_name": "more/cat.jpg", "height": 3, "width": 4}]
    path.write_text(json.dumps(content))
    assert alone.client.import_file(path) == {
        "annotations": 1,
        "images": [image],
        "unmatched": ["elsewhere.jpg", "more/cat.jpg"],
    }
    first, second = alone.client.annotations(image)
    assert first["rle"] == second["rle"] and (second["class_name"], second["source"]) == ("cup", "import")
    assert [one["name"] for one in alone.ask("GET", "/v1/classes").json] == ["cup"]


def test_png_masks_and_label_maps_are_for_the_photo_that_is_named(alone, tmp_path):
    image = image_called(alone, "coffee 2.jpg")
    Image.fromarray(a_mask()).save(tmp_path / "mask.png")
    labels = a_mask() * np.uint8(1) + a_mask(300, 200) * np.uint8(7)
    Image.fromarray(labels).save(tmp_path / "labels.png")
    assert alone.client.import_file(tmp_path / "mask.png", image)["annotations"] == 1
    assert alone.client.import_file(tmp_path / "labels.png", image)["annotations"] == 2
    assert [one["area"] for one in alone.client.annotations(image)] == [int(a_mask().sum())] * 3
    with pytest.raises(ServerError, match="which image"):
        alone.client.import_file(tmp_path / "mask.png")
    with pytest.raises(ServerError, match="451 x 300"):
        alone.client.import_file(tmp_path / "mask.png", image_called(alone, "more/cat.jpg"))


def test_a_file_that_is_no_annotations_is_refused_without_saying_where_it_lay(alone, tmp_path):
    (tmp_path / "wrong.json").write_text("hello")
    with pytest.raises(ServerError, match=r"^the file is not JSON"):
        alone.client.import_file(tmp_path / "wrong.json")


def test_an_export_of_nothing_and_of_no_format_is_refused(alone, tmp_path):
    with pytest.raises(ServerError, match="nothing to export"):
        alone.client.export(tmp_path / "out", "png")
    with pytest.raises(ServerError, match="no format 'docx'"):
        alone.client.export(tmp_path / "out", "docx")
    with pytest.raises(ServerError, match="no image 99"):
        alone.client.export(tmp_path / "out", "png", [99])


def test_photos_that_are_done_without_an_object_are_in_coco(alone, tmp_path):
    image = image_called(alone, "more/cat.jpg")
    alone.ask("PATCH", f"/v1/images/{image}", {"status": "done"})
    content = json.loads(alone.client.export(tmp_path / "coco.json").read_text())
    assert [one["file_name"] for one in content["images"]] == ["more/cat.jpg"] and content["annotations"] == []
