"""What a path holds is found out, or said."""

import pickle

import numpy as np
import pytest
from PIL import Image

from hqsam import formats
from hqsam.data.open_dataset import open_dataset, open_datasets
from hqsam.errors import DataError
from hqsam.masks.instances import Instances
from tests.data.drawn import SIZE_HW, labels, mask, pairs, photo, save


@pytest.mark.parametrize(
    ("images", "masks"), [("images", "masks"), ("im", "gt"), ("JPEGImages", "SegmentationObject"), ("imgs", "Masks")]
)
def test_two_folders_are_a_set_under_any_usual_name(images, masks, tmp_path):
    found = open_datasets(pairs(tmp_path / "cats", 3, images, masks))
    assert list(found) == ["cats"]
    assert found["cats"].names == ["cats/0", "cats/1", "cats/2"]
    sample = found["cats"][1]
    assert sample.image.shape == (*SIZE_HW, 3)
    assert (sample.mask(1) == (labels(1) == 1)).all()


def test_objects_are_preferred_to_boxes_and_classes_where_voc_has_all_three(tmp_path):
    pairs(tmp_path, 1, "JPEGImages", "SegmentationClass")
    assert "SegmentationClass" in open_dataset(tmp_path).about
    save(tmp_path / "SegmentationObject/0.png", labels(3).astype(np.uint8))
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "Annotations/0.xml").write_text("<annotation/>")
    (sample,) = open_dataset(tmp_path)
    assert sample.object_ids == [1, 2, 3]


def test_folders_of_sets_are_sets_by_their_names(tmp_path):
    pairs(tmp_path / "cats", 2), pairs(tmp_path / "dogs", 1)
    assert {name: len(found) for name, found in open_datasets(tmp_path).items()} == {"cats": 2, "dogs": 1}
    assert open_dataset(tmp_path).names == ["cats/0", "cats/1", "dogs/0"]


def test_names_may_have_folders_in_them(tmp_path):
    pairs(tmp_path, 2, "images/train", "masks/train"), pairs(tmp_path, 1, "images/val", "masks/val")
    assert [name.split("/", 1)[1] for name in open_dataset(tmp_path).names] == ["train/0", "train/1", "val/0"]


@pytest.mark.parametrize("ending", ["_mask.png", "_gt.png", ".png", "_labels.png"])
def test_masks_may_lie_beside_their_photos(ending, tmp_path):
    for number in range(3):
        photo(tmp_path / f"{number}.jpg"), mask(tmp_path / f"{number}{ending}")
    found = open_dataset(tmp_path)
    assert len(found) == 3
    assert found[2].object_ids == [1]


def test_masks_in_a_folder_may_have_an_ending(tmp_path):
    photo(tmp_path / "images" / "a.jpg"), mask(tmp_path / "masks" / "a_mask.png")
    assert len(open_dataset(tmp_path)) == 1


def test_names_may_differ_in_case_where_that_leaves_one_image(tmp_path):
    for name in ("a", "b", "B"):
        photo(tmp_path / f"images/{name}.JPG")
    for name in ("A", "b"):
        mask(tmp_path / f"masks/{name}.PNG")
    found = open_dataset(tmp_path)
    assert [name.split("/")[-1] for name in found.names] == ["a", "b"]
    assert [(one.kind, one.name.split("/")[-1]) for one in found.issues] == [("no_mask", "B")]
    photo(tmp_path / "images/C.jpg"), photo(tmp_path / "images/Ca.jpg"), photo(tmp_path / "images/cA.jpg")
    mask(tmp_path / "masks/CA.png")
    found = open_dataset(tmp_path)
    assert ("no_image", "CA") in [(one.kind, one.name.split("/")[-1]) for one in found.issues]


def test_what_has_no_partner_or_two_is_left_out_and_listed(tmp_path):
    pairs(tmp_path, 3)
    photo(tmp_path / "images" / "lonely.jpg"), mask(tmp_path / "masks" / "orphan.png")
    photo(tmp_path / "images" / "0.png")
    found = open_dataset(tmp_path)
    assert [name.split("/")[1] for name in found.names] == ["1", "2"]
    assert {(one.kind, one.name.split("/")[1]) for one in found.issues} == {
        ("no_mask", "lonely"),
        ("no_image", "orphan"),
        ("doubled", "0"),
    }
    assert all(one.broken for one in found.issues)


def test_beside_each_other_a_mask_without_its_photo_is_known_for_a_mask(tmp_path):
    for stem in "abc":
        photo(tmp_path / f"{stem}.jpg"), mask(tmp_path / f"{stem}.png")
    (tmp_path / "a.jpg").unlink(), (tmp_path / "b.png").unlink()
    assert [(one.kind, one.name[-1]) for one in open_dataset(tmp_path).issues] == [("no_image", "a"), ("no_mask", "b")]


def test_label_maps_are_told_from_masks_by_looking_at_some(tmp_path):
    pairs(tmp_path, 3)
    save(tmp_path / "masks" / "1.png", labels(4).astype(np.uint8))
    assert open_dataset(tmp_path)[1].object_ids == [1, 2, 3, 4]
    assert open_dataset(tmp_path, encoding="binary")[1].object_ids == [1]


def test_what_the_formats_write_can_be_trained_on(tmp_path):
    photo(tmp_path / "cup.jpg")
    bars = Instances.from_masks([labels(3) == number for number in (1, 2, 3)], labels="bar", image_name="cup.jpg")
    formats.write(bars, tmp_path, ["label_map"])
    sample = open_dataset(tmp_path)[0]
    assert (sample.labels == labels(3)).all()


def test_a_set_reads_when_asked_scales_down_and_goes_to_other_processes(tmp_path):
    found = open_dataset(pairs(tmp_path, 3), longest_side=16)
    (tmp_path / "images" / "2.jpg").unlink()  # listed, but not read yet
    assert pickle.loads(pickle.dumps(found[:2]))[1].image.shape == (12, 16, 3)
    assert found[1].labels.max() == 1
    assert found.without({found.names[2]}).names == found[:2].names
    with pytest.raises(DataError, match=r"2\.jpg.*no such file"):
        found[2]


def test_a_photo_that_is_turned_by_its_tag_is_read_upright(tmp_path):
    pairs(tmp_path, 1)
    image = Image.open(photo(tmp_path / "images" / "0.jpg", SIZE_HW[::-1]))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "images" / "0.jpg", exif=exif)
    assert open_dataset(tmp_path)[0].image.shape == (*SIZE_HW, 3)


def test_what_is_not_known_is_described_together_with_what_was_expected(tmp_path):
    photo(tmp_path / "a.jpg"), photo(tmp_path / "images" / "b.jpg"), (tmp_path / "empty").mkdir()
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "b.txt").write_text("0 0.1 0.2 0.3 0.4")
    with pytest.raises(DataError, match="expected images/NAME") as error:
        open_datasets(tmp_path)
    assert "which has 1 .jpg, empty/ with no files, images/ with 1 .jpg, labels/ with 1 .txt;" in str(error.value)


def test_a_path_that_is_not_there_or_names_that_do_not_match_are_errors(tmp_path):
    with pytest.raises(DataError, match="there is no"):
        open_datasets(tmp_path / "nowhere")
    photo(tmp_path / "images" / "a.jpg"), mask(tmp_path / "masks" / "b.png")
    with pytest.raises(DataError, match=r"1 images and 1 masks.*a\.jpg and .*b\.png"):
        open_datasets(tmp_path)
