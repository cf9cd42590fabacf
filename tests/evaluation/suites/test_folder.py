import json

import numpy as np
import pytest
from PIL import Image

from hqsam.errors import DataError
from hqsam.evaluation.suites import find
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


def test_a_mask_of_another_size_is_refused_when_it_is_read(tmp_path):
    data = folder_with(tmp_path, lambda drawn: drawn.labels[:40])
    with pytest.raises(DataError, match=r"photo0\.png"):
        truths(data)
