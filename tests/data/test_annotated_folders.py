"""Folders with a label file for each image: YOLO's and labelme's, as their tools and as we write them."""

import json

import numpy as np
import pytest

from hqsam.data.check import check_datasets
from hqsam.data.open_dataset import open_dataset, open_datasets
from hqsam.errors import DataError
from hqsam.masks.instances import Instances
from tests.data.drawn import SIZE_HW, photo

SQUARE = np.zeros(SIZE_HW, bool)
SQUARE[4:12, 8:20] = True
LINE = "{} 0.25 0.1666667 0.625 0.1666667 0.625 0.5 0.25 0.5\n"
"""The square's outline, in shares of 32 x 24 pixels."""


def label(path, *classes):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(map(LINE.format, classes)))


def issues(folder):
    return {one.kind: one.detail for one in check_datasets(open_datasets(folder)).issues}


LAYOUTS = {
    "ultralytics": (
        "images/train/a.jpg",
        "labels/train/a.txt",
        "path: .\ntrain: images/train\nval: images/val\nnames: [cat, dog]\n",
    ),
    "roboflow": (
        "train/images/a.jpg",
        "train/labels/a.txt",
        "train: ../train/images\nval: ../valid/images\nnames: {0: cat, 1: dog}\n",
    ),
    "without a table": ("images/train/a.jpg", "labels/train/a.txt", None),
    "without parts": ("images/a.jpg", "labels/a.txt", None),
    "side by side": ("a.jpg", "a.txt", None),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_of_yolo_is_a_dataset_with_class_names(layout, tmp_path):
    image, labels, table = LAYOUTS[layout]
    photo(tmp_path / image)
    label(tmp_path / labels, 1, 0)
    if table:
        (tmp_path / "data.yaml").write_text(table)
        assert open_dataset(tmp_path / "data.yaml").names == open_dataset(tmp_path).names
    else:
        (tmp_path / labels).with_name("classes.txt").write_text("cat\ndog\n")
    (sample,) = open_dataset(tmp_path)
    assert sample.class_names == {1: "dog", 2: "cat"}
    assert all(np.array_equal(sample.mask(number), SQUARE) for number in (1, 2))
    assert issues(tmp_path) == {}


def test_a_part_is_asked_for_and_a_list_of_images_is_followed(tmp_path):
    for part in ("train", "val"):
        photo(tmp_path / f"images/{part}/{part}.jpg")
        label(tmp_path / f"labels/{part}/{part}.txt", 0)
    (tmp_path / "train.txt").write_text("./images/train/train.jpg\n")
    (tmp_path / "data.yaml").write_text("train: train.txt\nval: [images/val]\nnames: [cat]\n")
    assert [name.split("/")[-1] for name in open_dataset(tmp_path).names] == ["train"]
    assert [name.split("/")[-1] for name in open_dataset(tmp_path, split="validation").names] == ["val"]


def test_yolo_lines_that_cannot_be_used_and_images_without_lines_are_said(tmp_path):
    photo(tmp_path / "images/a.jpg"), photo(tmp_path / "images/b.jpg")
    label(tmp_path / "labels/a.txt", 0)
    with (tmp_path / "labels/a.txt").open("a") as file:
        file.write("0 0.5 0.5 0.1 0.1\n0 0.1 0.2 0.3\n")
    found = issues(tmp_path)
    assert (
        "2 left out: lines of boxes without masks (line 2), lines that are no outline (line 3)"
        in found["skipped_objects"]
    )
    assert "b.jpg" in found["no_mask"]


def test_a_yolo_label_without_its_image_is_said_and_not_one_of_another_part(tmp_path):
    photo(tmp_path / "images/a.jpg"), photo(tmp_path / "images/b.jpg")
    for name in "abc":
        label(tmp_path / f"labels/{name}.txt", 0)
    (tmp_path / "train.txt").write_text("images/a.jpg\n")
    (tmp_path / "data.yaml").write_text("train: train.txt\nnames: [cat]\n")
    assert issues(tmp_path) == {"no_image": str(tmp_path / "labels/c.txt")}


def test_names_of_yolo_folders_may_be_in_another_case_and_classes_in_darknet_s_list(tmp_path):
    photo(tmp_path / "Images/Train/A.jpg")
    label(tmp_path / "Labels/Train/A.TXT", 1)
    (tmp_path / "obj.names").write_text("cat\ndog\n")
    (sample,) = open_dataset(tmp_path)
    assert sample.class_names == {1: "dog"} and np.array_equal(sample.mask(1), SQUARE)


def test_yaml_of_other_tools_beside_data_yaml_is_passed_over(tmp_path):
    photo(tmp_path / "images/a.jpg")
    label(tmp_path / "labels/a.txt", 0)
    (tmp_path / "args.yaml").write_text("lr: [\n")
    assert open_dataset(tmp_path)[0].class_names == {1: "0"}
    (tmp_path / "data.yaml").write_text("names: [cat]\n")
    assert open_dataset(tmp_path)[0].class_names == {1: "cat"}
    (tmp_path / "data.yaml").write_text("names: [cat\n")
    with pytest.raises(DataError, match=r"data\.yaml is not YAML"):
        open_dataset(tmp_path)


def test_yolo_labels_with_boxes_alone_are_said_to_have_no_masks(tmp_path):
    photo(tmp_path / "images/train/a.jpg")
    label(tmp_path / "labels/train/a.txt")
    (tmp_path / "labels/train/a.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    with pytest.raises(
        DataError, match=r"images/ with 1 \.jpg, labels/ with 1 \.txt; its YOLO labels have boxes, which"
    ):
        open_dataset(tmp_path)


def test_text_beside_images_is_no_yolo(tmp_path):
    photo(tmp_path / "a.jpg")
    (tmp_path / "a.txt").write_text("a photo of a cat\n")
    with pytest.raises(DataError, match="found no images with masks"):
        open_dataset(tmp_path)


def shape(name="cat", **more):
    return {"label": name, "points": [[8, 4], [20, 4], [20, 12], [8, 12]], **more}


def labelme(path, *shapes, **more):
    content = {"version": "5.5.0", "flags": {}, "shapes": list(shapes), "imagePath": "a.jpg", "imageData": None}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content | {"imageHeight": SIZE_HW[0], "imageWidth": SIZE_HW[1]} | more))


@pytest.mark.parametrize(
    ("image", "file", "named"),
    [
        ("a.jpg", "a.json", "a.jpg"),
        ("images/a.jpg", "a.json", "..\\images\\a.jpg"),
        ("images/a.jpg", "json/a.json", "C:\\work\\images\\a.jpg"),
        ("a.jpg", "a.json", "/home/someone/renamed.jpg"),
    ],
)
def test_labelme_files_are_a_dataset_with_class_names_wherever_their_images_are(image, file, named, tmp_path):
    photo(tmp_path / image)
    labelme(tmp_path / file, shape(), shape("dog"), imagePath=named)
    (sample,) = open_dataset(tmp_path)
    assert sample.class_names == {1: "cat", 2: "dog"} and np.array_equal(sample.mask(1), SQUARE)


def test_labelme_shapes_that_cannot_be_used_and_files_without_images_are_said(tmp_path):
    photo(tmp_path / "a.jpg")
    labelme(tmp_path / "a.json", shape(), shape(shape_type="line"))
    labelme(tmp_path / "b.json", shape(), imagePath="nowhere.jpg")
    labelme(tmp_path / "c.json", shape(), imageHeight=99)
    found = issues(tmp_path)
    assert "1 left out: shapes that enclose nothing (shape 2)" in found["skipped_objects"]
    assert "b.json names an image that is not there" in found["no_image"]
    assert "another size" in found["unreadable_mask"] or "(99, 32)" in found["unreadable_mask"]


@pytest.mark.parametrize("name", ["yolo", "labelme", "coco", "label_map"])
def test_what_we_write_beside_an_image_can_be_trained_on(name, tmp_path):
    photo(tmp_path / "set/a.jpg")
    other = np.roll(SQUARE, 12, axis=1)
    Instances.from_masks([SQUARE, other], labels=["cat", "dog"], image_name="a.jpg").save(tmp_path / "set", name)
    (sample,) = open_dataset(tmp_path / "set")
    assert {tuple(np.argwhere(sample.mask(k)).ravel()) for k in (1, 2)} == {
        tuple(np.argwhere(mask).ravel()) for mask in (SQUARE, other)
    }
    if name != "label_map":
        assert sorted(sample.class_names.values()) == ["cat", "dog"]


def test_labelme_files_are_known_by_long_shapes_before_an_image(tmp_path):
    photo(tmp_path / "a.jpg")
    around = [[8, 4]] * 20_000
    labelme(tmp_path / "a.json", shape(points=[*around, *shape()["points"]]), imageData="A" * 200_000)
    (sample,) = open_dataset(tmp_path)
    assert np.array_equal(sample.mask(1), SQUARE)
