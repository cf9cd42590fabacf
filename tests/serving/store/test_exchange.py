"""What is exported is what was annotated, and what is imported is there to be corrected."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from hqsam.errors import ServerError
from hqsam.formats import FORMATS
from hqsam.masks.rle import decode
from tests.serving.servers import TOKEN, photos_in, running, settings_in

READABLE = ("png", "label_map", "coco", "svg", "yolo", "labelme", "pixel_geojson")


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
        files = sorted(file for file in folder.rglob("*") if file.suffix != ".csv" and file.name != "classes.txt")
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
    names = [name for name in names if not name.endswith(".csv")]
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
    kept = alone.client.annotations(image)[0]
    alone.ask("DELETE", f"/v1/annotations/{kept['id']}")
    said = alone.client.import_file(path)
    assert (said["annotations"], said["images"]) == (1, [image])
    assert said["unmatched"] == ["elsewhere.jpg", "more/cat.jpg"]
    (second,) = alone.client.annotations(image)
    assert kept["rle"] == second["rle"] and (second["class_name"], second["source"]) == ("cup", "import")
    assert [one["name"] for one in alone.ask("GET", "/v1/classes").json] == ["cup"]


def test_png_masks_and_label_maps_are_for_the_photo_that_is_named(alone, tmp_path):
    image = image_called(alone, "coffee 2.jpg")
    Image.fromarray(a_mask()).save(tmp_path / "mask.png")
    labels = a_mask() * np.uint8(1) + a_mask(300, 200) * np.uint8(7)
    Image.fromarray(labels).save(tmp_path / "labels.png")
    assert alone.client.import_file(tmp_path / "mask.png", image)["annotations"] == 1
    said = alone.client.import_file(tmp_path / "labels.png", image)
    assert (said["annotations"], said["duplicates"]) == (1, 1)  # one of them is the mask that is there
    assert [one["area"] for one in alone.client.annotations(image)] == [int(a_mask().sum())] * 2
    with pytest.raises(ServerError, match="which image"):
        alone.client.import_file(tmp_path / "mask.png")
    with pytest.raises(ServerError, match="451 x 300"):
        alone.client.import_file(tmp_path / "mask.png", image_called(alone, "more/cat.jpg"))


def test_a_file_that_is_no_annotations_is_refused_without_saying_where_it_lay(alone, tmp_path):
    (tmp_path / "wrong.json").write_text("hello")
    with pytest.raises(ServerError, match=r"^the file is not JSON"):
        alone.client.import_file(tmp_path / "wrong.json")


def test_a_damaged_zip_is_refused_in_words(alone, tmp_path):
    with zipfile.ZipFile(tmp_path / "damaged.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", json.dumps(list(range(5000))))
    data = bytearray((tmp_path / "damaged.zip").read_bytes())
    data[60:400] = bytes(255 - one for one in data[60:400])
    (tmp_path / "damaged.zip").write_bytes(data)
    with pytest.raises(ServerError, match="cannot unpack"):
        alone.client.import_file(tmp_path / "damaged.zip")


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


def test_the_same_file_twice_adds_nothing_and_says_so_and_an_import_is_undone_as_one_step(alone, tmp_path):
    first, second = image_called(alone, "coffee 2.jpg"), image_called(alone, "more/cat.jpg")
    alone.client.annotate(first, a_mask(), "cup")
    alone.client.annotate(second, np.ones((300, 451), bool), "cat")
    path = alone.client.export(tmp_path / "coco.json")
    for image in (first, second):
        alone.ask("DELETE", f"/v1/annotations/{alone.client.annotations(image)[0]['id']}")
    once, twice = alone.client.import_file(path), alone.client.import_file(path)
    assert (once["annotations"], once["images"], once["duplicates"]) == (2, [first, second], 0)
    assert (twice["annotations"], twice["duplicates"], twice["batch"]) == (0, 2, None)
    undo = alone.ask("POST", f"/v1/batches/{once['batch']}/undo").json
    assert undo["undone"] == 2 and alone.client.annotations(first) == alone.client.annotations(second) == []
    redo = alone.ask("POST", f"/v1/batches/{undo['batch']}/undo").json
    assert redo["images"] == [first, second] and len(alone.client.annotations(second)) == 1


def test_what_cannot_be_imported_is_counted_by_its_reason_and_the_rest_is_taken(alone, tmp_path):
    image = image_called(alone, "coffee 2.jpg")
    entries = [
        {"segmentation": [[100, 100, 200, 100, 200, 200]], "category_id": "7"},
        {"bbox": [1, 2, 3, 4], "category_id": 7},
        {"segmentation": [[0, 0, 4e9, 0, 4e9, 4e9]], "category_id": 7},
        {"segmentation": {"size": [9, 9], "counts": "QQ"}, "category_id": 7},
        {"segmentation": [[300, 100, 400, 100, 400, 200]], "category_id": 7, "iscrowd": 1},
    ]
    content = {
        "images": [{"id": 1, "file_name": "C:\\photos\\coffee 2.jpg", "height": 400, "width": 600}],
        "annotations": [{"id": number, "image_id": 1, **entry} for number, entry in enumerate(entries)],
        "categories": [{"id": 7, "name": "leaf"}],
    }
    (tmp_path / "coco.json").write_text(json.dumps(content))
    said = alone.client.import_file(tmp_path / "coco.json")
    assert [one["class_name"] for one in alone.client.annotations(image)] == ["leaf", "leaf"] and said[
        "unmatched"
    ] == []
    assert {(one["reason"], one["count"], *one["examples"]) for one in said["left_out"]} == {
        ("boxes without masks", 1, "1"),
        ("outlines that lead far out of their image", 1, "2"),
        ("masks of another size than their image", 1, "3"),
    }


def test_labelme_files_come_back_alone_and_in_a_zip(alone, tmp_path):
    first, second = image_called(alone, "coffee 2.jpg"), image_called(alone, "more/cat.jpg")
    alone.client.annotate(first, a_mask(), "cup")
    alone.client.annotate(second, np.ones((300, 451), bool), "cat")
    zipped = alone.client.export(tmp_path / "labelme.zip", "labelme")
    single = alone.client.export(tmp_path / "labelme.json", "labelme", [first])
    assert alone.client.import_file(zipped)["duplicates"] == 2
    alone.ask("DELETE", f"/v1/annotations/{alone.client.annotations(first)[0]['id']}")
    assert alone.client.import_file(single)["images"] == [first]
    assert np.array_equal(decode(alone.client.annotations(first)[0]["rle"]), a_mask())
    content = json.loads(single.read_text())
    single.write_text(json.dumps({**content, "imageHeight": 9_000_000, "imageWidth": 9_000_000}))
    assert alone.client.import_file(single)["unmatched"] == ["coffee 2.jpg"]


def test_files_in_a_zip_that_are_no_annotations_are_left_out_and_said(alone, tmp_path):
    first = image_called(alone, "coffee 2.jpg")
    alone.client.annotate(first, a_mask(), "cup")
    zipped = alone.client.export(tmp_path / "labelme.zip", "labelme", [first, image_called(alone, "more/cat.jpg")])
    alone.ask("DELETE", f"/v1/annotations/{alone.client.annotations(first)[0]['id']}")
    with zipfile.ZipFile(zipped, "a") as archive:
        archive.writestr("__MACOSX/._cup.json", b"\0\5\x16\7")
        archive.writestr("._cup.json", b"\0\5\x16\7")
        archive.writestr("notes.json", '{"info": {"version": "1.0"}}')
        archive.writestr("cut.json", '{"shapes": [')
    said = alone.client.import_file(zipped)
    assert said["annotations"] == 1
    assert {(one["reason"], one["count"], *one["examples"]) for one in said["left_out"]} == {
        ("files that are no annotations, or damaged", 2, "notes.json", "cut.json")
    }
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("notes.json", "{}")
    with pytest.raises(ServerError):
        alone.client.import_file(tmp_path / "other.zip")


def test_masks_of_other_kinds_of_files_are_read_as_well(alone, tmp_path):
    image = image_called(alone, "coffee 2.jpg")
    labels = a_mask() * np.uint16(1000) + a_mask(300, 200) * np.uint16(40_000)
    Image.fromarray(labels).save(tmp_path / "labels.tif")
    assert alone.client.import_file(tmp_path / "labels.tif", image)["annotations"] == 2


def test_annotations_are_copied_from_another_image_of_the_same_size(alone):
    photo = io.BytesIO()
    Image.new("RGB", (600, 400), "red").save(photo, "PNG")
    target = alone.upload(photo.getvalue(), "next.png").json["id"]
    origin, other = image_called(alone, "coffee 2.jpg"), image_called(alone, "more/cat.jpg")
    cup = alone.client.annotate(origin, a_mask(), "cup")
    alone.client.annotate(origin, a_mask(300, 200), "spoon")
    only = alone.ask("POST", f"/v1/images/{target}/copy", {"from_image": origin, "annotations": [cup["id"]]}).json
    rest = alone.ask("POST", f"/v1/images/{target}/copy", {"from_image": origin}).json
    assert (only["annotations"], rest["annotations"], rest["duplicates"]) == (1, 1, 1)
    assert [one["class_name"] for one in alone.client.annotations(target)] == ["cup", "spoon"]
    alone.ask("POST", f"/v1/batches/{rest['batch']}/undo")
    assert [one["class_name"] for one in alone.client.annotations(target)] == ["cup"]
    assert alone.ask("POST", f"/v1/images/{other}/copy", {"from_image": origin}).status == 422


def test_classes_have_the_numbers_of_the_project_in_every_export(alone, tmp_path):
    alone.ask("PUT", "/v1/classes", [{"name": name} for name in ("spoon", "knife", "cup")])
    first, second = image_called(alone, "coffee 2.jpg"), image_called(alone, "coffee 10.jpg")
    alone.client.annotate(first, a_mask(), "cup")
    alone.client.annotate(second, np.ones((600, 600), bool)[:512, :512], "spoon")
    for chosen in ([first], [second], [first, second]):
        content = json.loads(alone.client.export(tmp_path / "coco.json", "coco", chosen).read_text())
        assert [(one["id"], one["name"]) for one in content["categories"]] == [(1, "spoon"), (2, "knife"), (3, "cup")]
    assert {one["category_id"] for one in content["annotations"]} == {1, 3}
    archive = zipfile.ZipFile(alone.client.export(tmp_path / "yolo.zip", "yolo", [first]))
    assert archive.read("coffee 2.txt").startswith(b"2 ") and archive.read("classes.txt") == b"spoon\nknife\ncup\n"


def test_maps_and_masks_bring_tables_of_their_classes_and_a_semantic_map_has_their_colours(alone, tmp_path):
    image = image_called(alone, "coffee 2.jpg")
    alone.ask("PUT", "/v1/classes", [{"name": "spoon", "colour": "#010203"}, {"name": "cup", "colour": "#ff8800"}])
    cup = alone.client.annotate(image, a_mask(), "cup")
    alone.client.annotate(image, np.ones((400, 600), bool), "spoon")
    archive = zipfile.ZipFile(alone.client.export(tmp_path / "map.zip", "semantic_map"))
    assert archive.read("classes.csv").decode().split() == ["number,name,colour", "1,spoon,#010203", "2,cup,#ff8800"]
    with Image.open(archive.open("coffee 2_classes.png")) as picture:
        assert np.array_equal(np.asarray(picture), 1 + a_mask()) and picture.convert("RGB").getpixel((110, 70)) == (
            255,
            136,
            0,
        )
    archive = zipfile.ZipFile(alone.client.export(tmp_path / "png.zip", "png"))
    assert archive.read("objects.csv").decode().splitlines() == [
        "file,value,class,class_name",
        "coffee 2_mask_01.png,255,2,cup",
        "coffee 2_mask_02.png,255,1,spoon",
    ]
    alone.ask("PATCH", f"/v1/annotations/{cup['id']}", {"version": 1, "z": -1})  # behind, so that it is not seen
    archive = zipfile.ZipFile(alone.client.export(tmp_path / "map.zip", "semantic_map"))
    with Image.open(archive.open("coffee 2_classes.png")) as picture:
        assert np.asarray(picture).max() == 1


def test_several_files_are_one_import(alone, tmp_path):
    image = image_called(alone, "coffee 2.jpg")
    parts = []
    for number, mask in enumerate((a_mask(), a_mask(300, 200))):
        Image.fromarray(mask).save(tmp_path / f"{number}.png")
        data = (tmp_path / f"{number}.png").read_bytes()
        parts.append(
            f'--x\r\nContent-Disposition: form-data; name="file"; filename="{number}.png"\r\n\r\n'.encode() + data
        )
    parts.append(f'--x\r\nContent-Disposition: form-data; name="image"\r\n\r\n{image}'.encode())
    kind = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "multipart/form-data; boundary=x"}
    said = alone.ask("POST", "/v1/import", b"\r\n".join(parts) + b"\r\n--x--\r\n", kind).json
    assert said["annotations"] == 2
    assert alone.ask("POST", f"/v1/batches/{said['batch']}/undo").json["undone"] == 2


def test_masks_of_an_image_that_was_replaced_are_exported_and_the_image_is_named_where_it_is_needed(alone, tmp_path):
    image = image_called(alone, "coffee 2.jpg")
    alone.client.annotate(image, a_mask(), "cup")
    Image.new("RGB", (30, 20), "red").save(tmp_path / "photos" / "coffee 2.jpg")
    for name in ("coco", "label_map"):
        path = alone.client.export(tmp_path / "out", name)
        (found,) = [one for one in FORMATS[name].read(path) for one in one]
        assert np.array_equal(found.mask(0), a_mask())
    with pytest.raises(ServerError, match=r"coffee 2\.jpg cannot be drawn: its masks are of an image of 600 x 400"):
        alone.client.export(tmp_path / "out.png", "cutout")
    alone.client.annotate(image, np.ones((20, 30), bool), "cup")
    with pytest.raises(ServerError, match=r"coffee 2\.jpg has masks of 30 x 20 and 600 x 400"):
        alone.client.export(tmp_path / "out.json", "coco")
    (tmp_path / "photos" / "coffee 2.jpg").unlink()
    alone.ask("DELETE", f"/v1/annotations/{alone.client.annotations(image)[1]['id']}")
    with pytest.raises(ServerError, match=r"coffee 2\.jpg cannot be drawn: the file is gone"):
        alone.client.export(tmp_path / "out.png", "overlay")


def test_a_name_that_two_images_have_is_ambiguous_to_an_import(alone, tmp_path):
    image = image_called(alone, "coffee 2.jpg")
    alone.client.annotate(image, a_mask(), "cup")
    path = alone.client.export(tmp_path / "coco.json")
    photo = io.BytesIO()
    Image.new("RGB", (600, 400), "red").save(photo, "PNG")
    second = alone.upload(photo.getvalue(), "coffee 2.jpg").json["id"]
    said = alone.client.import_file(path)
    assert (said["annotations"], said["unmatched"]) == (0, ["coffee 2.jpg"])
    assert alone.client.annotations(second) == []
