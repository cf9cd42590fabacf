"""Files and pictures made of instances, as of everything that was found in an image."""

import json

import numpy as np
import pytest
from PIL import Image

from hqsam.errors import ImageError, OptionError
from hqsam.formats import coco, label_map, sam
from hqsam.masks.instances import Instances

SIZE = (60, 80)
PHOTO = np.random.default_rng(1).integers(0, 255, (*SIZE, 3), dtype=np.uint8)


def rectangle(x0, y0, x1, y1):
    mask = np.zeros(SIZE, bool)
    mask[y0:y1, x0:x1] = True
    return mask


MASKS = [rectangle(0, 0, 40, 60), rectangle(5, 5, 20, 20), rectangle(41, 0, 60, 60)]


@pytest.fixture
def scene():
    columns = {
        "point_coords": np.array([[[10.5, 7.5]]] * 3),
        "stability_score": np.array([0.96] * 3),
        "crop_box": np.array([[0, 0, 80, 60]] * 3),
    }
    return Instances.from_masks(MASKS, scores=[0.9, 0.8, 0.7], columns=columns, image_name="cup.jpg")


def test_masks_are_made_one_at_a_time_or_all_at_once(scene):
    assert scene.masks.shape == (3, 60, 80) and len(scene.masks) == 3
    assert np.array_equal(scene.masks[1], MASKS[1])
    assert np.array_equal(np.asarray(scene.masks), np.stack(MASKS))
    assert np.array_equal(np.asarray(scene.masks[1:], np.uint8), np.stack(MASKS[1:]).astype(np.uint8))


def test_numbers_are_arrays_with_a_row_for_each(scene):
    assert scene.areas.tolist() == [2400, 225, 1140]
    assert scene.boxes[1].tolist() == [5, 5, 20, 20]
    assert scene.scores.tolist() == pytest.approx([0.9, 0.8, 0.7])
    assert scene.columns["stability_score"].tolist() == [0.96] * 3 and scene.columns["point_coords"].shape == (3, 1, 2)


@pytest.mark.parametrize(
    ("index", "rows"), [(1, [1]), (slice(1, None), [1, 2]), ([2, 0], [2, 0]), (np.array([True, False, True]), [0, 2])]
)
def test_some_of_them_are_chosen_as_of_an_array(scene, index, rows):
    assert scene[index].areas.tolist() == scene.areas[rows].tolist()
    assert scene[index].image_name == "cup.jpg"


def test_the_small_ones_are_chosen_by_their_areas(scene):
    assert scene[scene.areas < 2000].areas.tolist() == [225, 1140]


def test_a_label_map_has_the_finest_on_top_unless_told_otherwise(scene):
    assert scene.label_map()[10, 10] == 2 and scene.label_map()[30, 10] == 1
    assert (scene.label_map("large_on_top") == 2).sum() == 0
    assert scene.label_map()[0, 70] == 0 and scene.label_map(cover=True).all()


def test_without_overlaps_the_parts_are_those_of_the_map(scene):
    apart = scene.disjoint()
    assert apart.areas.tolist() == [2400 - 225, 225, 1140]
    assert apart.boxes[0].tolist() == [0, 0, 40, 60]
    assert np.array_equal(apart.label_map(), scene.label_map())
    assert len(scene.disjoint("large_on_top")) == 2, "what is hidden altogether is gone"


def test_cover_gives_gaps_to_neighbours_and_wide_ones_become_objects_without_a_score(scene):
    covered = scene.disjoint(cover=True)
    assert covered.areas.sum() == 60 * 80
    assert covered.scores.tolist() == pytest.approx([0.9, 0.8, 0.7, 0.0])
    assert covered.boxes[3].tolist() == [60, 0, 80, 60]
    x, y = covered.columns["point_coords"][3, 0].astype(int)
    assert covered.masks[3][y, x]


def test_records_have_the_keys_of_sam_s(scene):
    first = scene.records()[0]
    assert set(first) == {
        *("segmentation", "bbox", "area", "predicted_iou"),
        *("point_coords", "stability_score", "crop_box"),
    }
    assert first["bbox"] == [0, 0, 40, 60] and first["point_coords"] == [[10.5, 7.5]]
    json.dumps(scene.records())


def test_it_saves_itself_in_the_formats_of_every_answer(scene, tmp_path):
    paths = scene.save(tmp_path, "coco", "label_map", "csv", "sam", "overlay", "svg", "png", image=PHOTO)
    assert {path.name for path in paths} >= {"cup_coco.json", "cup_labels.png", "cup_objects.csv", "cup_sam.json"}
    (read,) = coco.read(tmp_path / "cup_coco.json")
    assert np.array_equal(read.masks, MASKS)
    annotation = json.loads((tmp_path / "cup_coco.json").read_text())["annotations"][0]
    assert annotation["stability_score"] == 0.96 and annotation["score"] == 0.9
    assert sam.read(tmp_path / "cup_sam.json")[0].columns["point_coords"][1] == [[10.5, 7.5]]
    (labels,) = label_map.read(tmp_path / "cup_labels.png")
    assert labels.areas.tolist() == [2400 - 225, 225, 1140]
    with Image.open(tmp_path / "cup_overlay.png") as overlay:
        assert overlay.size == (80, 60)


def test_a_file_by_its_suffix(scene, tmp_path):
    assert scene.save(tmp_path / "all.json") == [tmp_path / "all.json"]


def test_the_overlay_shows_few_as_many(scene):
    many = Instances.join([scene] * 5)
    for one in (scene, many):
        picture = one.overlay(PHOTO)
        assert picture.shape == PHOTO.shape and (picture != PHOTO).any()


def test_the_photo_and_the_labels_have_to_fit(scene):
    with pytest.raises(ImageError, match="80 x 60"):
        scene.overlay(PHOTO[:10])
    with pytest.raises(OptionError, match="2 labels for 3"):
        scene.save("out", labels=["a", "b"])


def test_it_says_what_it_is(scene):
    assert repr(scene) == "Instances(3 masks of 80 x 60, labels=['object'])"
    assert [int(one.areas[0]) for one in scene] == scene.areas.tolist()
