"""A data folder and exports that hqsam 0.1 made open, list and export the same."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hqsam.masks.polygons import along_edges
from tests.serving.servers import running, settings_in

MADE_BY_0_1 = Path(__file__).parent / "data_of_version_0.1.zip"
FORMATS = ("coco", "csv", "geojson", "label_map", "labelme", "png", "sam", "svg", "yolo")


@pytest.fixture(scope="module")
def old(_nano, tmp_path_factory):
    """The folder, and a server on it as it was left: annotations in `photos/.hqsam`."""
    home = tmp_path_factory.mktemp("old")
    zipfile.ZipFile(MADE_BY_0_1).extractall(home)
    photos = home / "legacy" / "photos"
    with running(settings_in(home, folder=photos, data=photos / ".hqsam")) as server:
        yield home / "legacy" / "exports", server


def test_images_annotations_classes_and_every_version_are_listed_as_they_were(old):
    exports, server = old
    then = json.loads((exports / "state.json").read_text())
    now = server.ask("GET", "/v1/images").json
    assert (now["total"], now["done"]) == (4, 1)
    for image, before in zip(now["images"], then["images"]["images"], strict=True):
        assert image.items() >= {**before, "updated": image["updated"]}.items()
        for annotation, was in zip(
            server.client.annotations(image["id"]), then["annotations"][str(image["id"])], strict=True
        ):
            assert annotation.items() >= was.items()
    for number, versions in then["history"].items():
        for version, was in zip(server.ask("GET", f"/v1/annotations/{number}/history").json, versions, strict=True):
            assert version["annotation"].items() >= was["annotation"].items()
            assert (version["action"], version["at"]) == (was["action"], was["at"])
    listed = {one["name"]: one["colour"] for one in server.ask("GET", "/v1/classes").json}
    assert listed.items() >= {one["name"]: one["colour"] for one in then["classes"]}.items()


@pytest.mark.parametrize("name", FORMATS)
def test_every_export_says_what_it_said(old, tmp_path, name):
    exports, server = old
    (before,) = exports.glob(f"{name}.*")
    after = server.client.export(tmp_path / before.name, name)
    sizes = {
        Path(one["name"]).stem: (one["width"], one["height"]) for one in server.ask("GET", "/v1/images").json["images"]
    }
    said, then = _said(after.read_bytes(), sizes), _said(before.read_bytes(), sizes)
    assert said == then


def test_what_was_deleted_can_still_be_restored(old):
    _, server = old
    back = server.ask("POST", "/v1/annotations/3/restore", {"version": 1}).json
    assert (back["class_name"], back["version"], back["area"]) == ("gone", 3, 25)
    assert server.ask("DELETE", "/v1/annotations/3").status == 204


def _said(data: bytes, sizes: dict[str, tuple[int, int]]) -> object:
    """An export with names where it has numbers of classes, which are the project's to give."""
    if zipfile.is_zipfile(io.BytesIO(data)):
        archive = zipfile.ZipFile(io.BytesIO(data))
        files = {one: archive.read(one) for one in archive.namelist()}
        classes = next((text.decode().split("\n") for one, text in files.items() if one.endswith("classes.txt")), None)
        return {
            one: _of_file(one, text, classes, sizes)
            for one, text in files.items()
            if not one.endswith(("classes.txt", ".csv"))
        }
    content = json.loads(data)
    names = {one["id"]: one["name"] for one in content.pop("categories")}
    annotations = [{**one, "category_id": names[one["category_id"]]} for one in content["annotations"]]
    return {**content, "annotations": annotations}, sorted(names.values())


def _pixels(png: bytes) -> tuple[bytes, dict[str, str]]:
    """A PNG's pixels and notes; that hqsam wrote it is a further note."""
    with Image.open(io.BytesIO(png)) as image:
        return image.tobytes(), {name: str(text) for name, text in image.text.items() if name != "Software"}


def _of_file(name: str, data: bytes, classes: list[str] | None, sizes: dict[str, tuple[int, int]]) -> object:
    if name.endswith(".png"):
        return _pixels(data)
    if classes:
        return [_outline(line, classes, sizes[Path(name).stem]) for line in data.decode().splitlines()]
    if b'"shapes"' in data:
        content = json.loads(data)
        return {**content, "shapes": [{**one, "points": _edges(one["points"])} for one in content["shapes"]]}
    return data


def _outline(line: str, classes: list[str], size_wh: tuple[int, int]) -> tuple[str, list]:
    number, *shares = line.split()
    return classes[int(number)], _edges(np.array(shares, float).reshape(-1, 2) * size_wh)


def _edges(points: list) -> list:
    """Corners along the edges of pixels: since 0.1 those of YOLO and labelme lie within pixels, unless asked for."""
    return along_edges(np.array(points, float)).round(3).tolist()
