import json

import numpy as np
import pytest
from PIL import Image

from hqsam.errors import DataError
from hqsam.evaluation.detections import with_detections
from hqsam.evaluation.record import Row
from hqsam.evaluation.suites import find
from hqsam.evaluation.suites.folder import scored_by_precision
from hqsam.masks import rle
from tests.evaluation.layouts import coco_json, make, scene


def folder_with(folder, masks, suffix=".png"):
    """Photos of scenes 0, 1, ..., and of each the mask that a function draws."""
    for number in range(2):
        drawn = scene(number)
        for place, pixels in (("images", drawn.image), ("masks", masks(drawn))):
            (folder / place).mkdir(parents=True, exist_ok=True)
            picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
            picture.save(folder / place / f"photo{number}{suffix}")
    return folder


def truths(data):
    return [[target.truth for target in sample.targets()] for sample in find("folder").open(data).samples]


@pytest.mark.parametrize("value", [1, 255])
def test_masks_of_one_value_are_one_object(tmp_path, value):
    found = truths(folder_with(tmp_path, lambda drawn: drawn.masks[0].astype(np.uint8) * np.uint8(value)))
    assert len(found) == 2
    for number, (mask,) in enumerate(found):
        assert np.array_equal(mask, scene(number).masks[0])


def palette(drawn):
    picture = Image.fromarray(drawn.labels).convert("P")
    picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    picture.putdata(drawn.labels.ravel().tolist())
    return picture


@pytest.mark.parametrize(
    "masks",
    [lambda drawn: drawn.labels, lambda drawn: drawn.labels.astype(np.uint16) * np.uint16(300), palette],
    ids=["gray", "16 bits", "palette"],
)
def test_every_number_of_a_label_map_is_an_object(tmp_path, masks):
    for number, found in enumerate(truths(folder_with(tmp_path, masks))):
        assert all(np.array_equal(*pair) for pair in zip(found, scene(number).masks, strict=True))


def test_photos_without_a_mask_are_left_out_and_told(tmp_path):
    data = folder_with(tmp_path / "mine", lambda drawn: drawn.labels)
    (data / "masks/photo1.png").unlink()
    opened = find("folder").open(data)
    assert [sample.name for sample in opened.samples] == ["photo0"]
    assert opened.warnings == ["mine: there is no mask of this image's name (1, such as mine/photo1)"]


def test_a_folder_that_was_moved_has_the_same_cases(tmp_path):
    before = [sample.name for sample in find("folder").open(make("folder", tmp_path / "a")).samples]
    (tmp_path / "a").rename(tmp_path / "b")
    assert before == [sample.name for sample in find("folder").open(tmp_path / "b").samples]


def test_sets_below_a_folder_name_their_cases(tmp_path):
    for name in ("a", "b"):
        folder_with(tmp_path / name, lambda drawn: drawn.labels)
    (tmp_path / "b/images").rename(tmp_path / "b/im")
    (tmp_path / "b/masks").rename(tmp_path / "b/gt")
    names = [sample.name for sample in find("folder").open(tmp_path).samples]
    assert names == ["a/photo0", "a/photo1", "b/photo0", "b/photo1"]


def test_a_folder_with_coco_annotations_will_do(tmp_path):
    scenes = {"photo.png": scene(3)}
    (tmp_path / "photos").mkdir()
    Image.fromarray(scenes["photo.png"].image).save(tmp_path / "photos/photo.png")
    (tmp_path / "photos/annotations.json").write_text(json.dumps(coco_json(scenes)))
    (found,) = truths(tmp_path)
    assert [mask.sum() > 50 for mask in found] == [True, True]


def photos_with_coco(folder, edit=lambda content: None, empty=False):
    """Two photos, a third without objects if wanted, and their annotations, of which some cannot be used."""
    scenes = {f"photo{number}.png": scene(number) for number in range(3 if empty else 2)}
    for name, drawn in scenes.items():
        Image.fromarray(drawn.image).save(folder / name)
    content = coco_json(scenes)
    if empty:
        content["annotations"] = [one for one in content["annotations"] if one["image_id"] != 3]
    edit(content)
    (folder / "annotations.json").write_text(json.dumps(content))
    return content


def test_what_coco_annotations_leave_out_is_said(tmp_path):
    def damage(content):
        content["annotations"][1]["segmentation"]["counts"] = "1"
        content["annotations"] += [{"id": 90, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}]
        content["annotations"] += [{**content["annotations"][0], "id": 91, "image_id": 77}]
        content["annotations"] += [{**content["annotations"][2], "id": 92, "iscrowd": 1}]

    photos_with_coco(tmp_path, damage)
    opened = find("folder").open(tmp_path / "annotations.json")
    (warning,) = opened.warnings
    assert (
        "3 left out: boxes without masks (90), annotations of images that are not listed (91), crowds (92)" in warning
    )
    usable, unusable = opened.samples[0].targets()
    assert usable.about == {"class": "class 1", "category_id": 1}
    assert (unusable.name, unusable.unusable) == ("2", "damaged run lengths")


def test_a_detector_s_boxes_on_own_coco_data_are_scored_by_ap(tmp_path):
    def as_text(content):
        for image in content["images"]:
            image["id"] = str(image["id"])
            del image["height"], image["width"]

    content = photos_with_coco(tmp_path, as_text, empty=True)
    boxes = [{**one, "score": 0.9} for one in content["annotations"]]
    boxes += [{"image_id": "3", "category_id": "1", "score": 0.1, "bbox": [1, 1, 9, 9]}]
    (tmp_path / "boxes").mkdir()
    (tmp_path / "boxes/found.json").write_text(json.dumps(boxes))
    opened = scored_by_precision(find("folder").open(tmp_path))
    assert [sample.about["image_id"] for sample in opened.samples] == [1, 2, 3]
    samples = with_detections(opened, tmp_path / "boxes/found.json")
    assert [len(sample.targets()) for sample in samples] == [2, 2, 1]
    rows = [
        Row(
            sample.name,
            target.name,
            scene(0).labels.shape,
            sample.about | target.about,
            None,
            None,
            0.5,
            rle.encode(mask),
        )
        for sample, drawn in zip(samples, (scene(0), scene(1)), strict=False)
        for target, mask in zip(sample.targets(), drawn.masks, strict=True)
    ]
    assert opened.score(rows)["folder"]["AP50"] == 1


def test_yolo_s_part_for_validation_is_evaluated_with_its_classes(tmp_path):
    for part, number in (("train", 0), ("val", 1)):
        for folder in ("images", "labels"):
            (tmp_path / folder / part).mkdir(parents=True)
        Image.fromarray(scene(number).image).save(tmp_path / f"images/{part}/{part}.png")
        (tmp_path / f"labels/{part}/{part}.txt").write_text("1 0.1 0.1 0.6 0.1 0.6 0.6 0.1 0.6\n")
    (tmp_path / "data.yaml").write_text("names: [cat, dog]\n")
    (sample,) = find("folder").open(tmp_path).samples
    assert sample.image.name == "val.png"
    assert [target.about for target in sample.targets()] == [{"class": "dog"}]


def test_a_mask_of_another_size_is_refused_when_it_is_read(tmp_path):
    data = folder_with(tmp_path, lambda drawn: drawn.labels[:40])
    with pytest.raises(DataError, match=r"photo0\.png"):
        truths(data)
