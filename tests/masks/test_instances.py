"""N masks of one image in columns: as arrays of masks are, without holding them."""

import json
import pickle
import re
from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import hqsam
from hqsam.errors import ImageError, InputError, OptionError
from hqsam.masks.boxes import boxes_of_masks
from hqsam.masks.instances import Instances
from hqsam.masks.overlap import disjoint_labels
from hqsam.masks.regions import fill_holes, remove_specks
from hqsam.masks.rle import decode, encode
from tests.masks.strategies import sizes, stacks

ORDERS = st.sampled_from(["small_on_top", "large_on_top", "first_on_top", "last_on_top"])
PHOTO = np.random.default_rng(1).integers(0, 255, (60, 80, 3), dtype=np.uint8)


def rectangle(x0, y0, x1, y1):
    mask = np.zeros(PHOTO.shape[:2], bool)
    mask[y0:y1, x0:x1] = True
    return mask


def instances_of(masks, **more):
    """With a value of its own in every column."""
    count = len(masks)
    columns = {"stability_score": np.linspace(0, 1, count), "note": [f"note {row}" for row in range(count)]}
    return Instances.from_masks(
        masks,
        scores=np.linspace(0.9, 0.1, count),
        labels=[f"label {row}" for row in range(count)],
        prompt_index=range(count),
        **{"columns": columns, **more},
    )


@pytest.fixture
def three():
    columns = {
        "point_coords": np.full((3, 1, 2), 7.5),
        "stability_score": np.array([0.96, 0.97, 0.98]),
        "crop_box": np.array([[0, 0, 80, 60]] * 3),
    }
    masks = [rectangle(0, 0, 40, 60), rectangle(5, 5, 20, 20), rectangle(41, 0, 60, 60)]
    return Instances.from_masks(masks, scores=[0.9, 0.8, None], columns=columns, image_name="cup.jpg")


def assert_same_rows(some, whole, rows):
    """Everything of `some` is that of these rows of the whole."""
    assert np.array_equal(np.asarray(some.masks), np.asarray(whole.masks)[rows])
    assert some.boxes.tolist() == whole.boxes[rows].tolist() and some.areas.tolist() == whole.areas[rows].tolist()
    assert some.scores.tolist() == whole.scores[rows].tolist()
    assert list(some.labels) == [whole.labels[row] for row in rows]
    assert some.prompt_index.tolist() == whole.prompt_index[rows].tolist()
    for name, column in some.columns.items():
        assert np.array_equal(column, [whole.columns[name][row] for row in rows])


@given(stacks)
def test_masks_come_back_as_they_were(masks):
    held = Instances.from_masks(masks)
    assert np.array_equal(np.asarray(held.masks), masks)
    assert all(np.array_equal(held.masks[row], mask) for row, mask in enumerate(masks))
    assert np.array_equal(held.boxes, boxes_of_masks(masks))
    assert held.areas.tolist() == masks.sum(axis=(1, 2)).tolist()
    assert held.image_size_hw == masks.shape[1:]


@given(stacks)
def test_run_lengths_are_taken_compressed_and_not(masks):
    packed = [encode(mask) for mask in masks]
    size_hw = masks.shape[1:]
    plain = []
    for mask in masks:
        line = mask.T.ravel()
        edges = np.flatnonzero(np.diff(line, prepend=False)) if len(line) else []
        plain.append({"size": list(size_hw), "counts": np.diff(edges, prepend=0, append=len(line)).tolist()})
    assert list(Instances.from_rle(packed, size_hw).rle) == packed
    assert [one["counts"] for one in Instances.from_rle(plain, size_hw).rle] == [one["counts"] for one in packed]


@given(stacks, st.data())
def test_rows_are_chosen_as_of_an_array(masks, data):
    whole, count = instances_of(masks), len(masks)
    rows = np.arange(count)
    kind = data.draw(st.sampled_from(["number", "list", "bool", "slice"]))
    numbers = st.integers(-count, count - 1)
    draws = {
        "number": numbers,
        "list": st.lists(numbers, max_size=6),
        "bool": st.lists(st.booleans(), min_size=count, max_size=count).map(np.array),
        "slice": st.builds(slice, numbers | st.none(), numbers | st.none()),
    }
    index = data.draw(draws[kind])
    chosen = np.atleast_1d(rows[np.array(index, int) if kind == "list" else index])
    assert_same_rows(whole[index], whole, chosen.tolist())


@given(stacks)
def test_iterating_and_joining_are_each_other_s_way_back(masks):
    whole = instances_of(masks, metadata={"frame": 7}, image_name="cup.jpg")
    rows = list(whole)
    assert [len(row) for row in rows] == [1] * len(masks)
    joined = Instances.join(rows)
    assert_same_rows(joined, whole, list(range(len(masks))))
    assert (joined.metadata, joined.image_name) == ({"frame": 7}, "cup.jpg")


@given(stacks, ORDERS)
def test_a_label_map_is_that_of_the_masks(masks, order):
    assert np.array_equal(Instances.from_masks(masks).label_map(order), disjoint_labels(masks, order))


@given(stacks, ORDERS)
def test_without_overlaps_every_pixel_has_one_mask_and_none_is_lost(masks, order):
    apart = instances_of(masks).disjoint(order)
    assert np.array_equal(np.asarray(apart.masks).sum(axis=0), masks.any(axis=0))
    labels = disjoint_labels(masks, order)
    for one in apart:
        row = int(one.labels[0].removeprefix("label "))
        assert np.array_equal(one.masks[0], labels == row + 1) and one.columns["note"] == (f"note {row}",)


@given(stacks, ORDERS)
def test_with_cover_no_pixel_is_left_over(masks, order):
    covered = instances_of(masks).disjoint(order, cover=True)
    assert (np.asarray(covered.masks).sum(axis=0) == 1).all()


@given(stacks, st.integers(0, 9))
def test_specks_and_holes_go_from_each_mask(masks, area):
    held = Instances.from_masks(masks)
    assert np.array_equal(held.remove_specks(area).masks, [remove_specks(mask, area) for mask in masks])
    assert np.array_equal(held.fill_holes(area).masks, [fill_holes(mask, area) for mask in masks])


@given(sizes)
def test_of_no_masks_there_is_nothing_of_everything(size_hw):
    none = Instances.empty(size_hw, "cup.jpg")
    assert len(none) == 0 and list(none) == [] and none.records() == []
    assert none.masks.shape == (0, *size_hw) and none.boxes.shape == (0, 4) and none.areas.shape == (0,)
    assert not none.label_map().any() and len(none.disjoint()) == 0 and len(none[[]]) == 0
    assert len(Instances.join([none, none])) == 0
    assert np.asarray(none.disjoint(cover=True).masks).all()


def test_a_score_that_nobody_said_is_nan_and_not_written(three):
    assert three.scores[:2].tolist() == [0.9, 0.8] and np.isnan(three.scores[2])
    assert [three.known_score(row) for row in range(3)] == [0.9, 0.8, None]
    assert "predicted_iou" not in three.records()[2]


def test_what_is_not_said_is_the_default(three):
    assert three.labels == ("object",) * 3 and three.prompt_index.tolist() == [0, 1, 2]
    assert three.with_labels("cup").labels == ("cup",) * 3
    assert three.with_labels(["a", "b", "c"])[1].labels == ("b",)


def test_of_several_masks_for_a_prompt_the_best_is_the_one_of_the_highest_score():
    masks = np.ones((4, 2, 2), bool)
    several = Instances.from_masks(masks, scores=[0.1, 0.9, 0.5, None], prompt_index=[0, 0, 1, 1])
    assert several.best().scores.tolist() == [0.9, 0.5]


def test_records_have_the_keys_of_sam_s(three):
    first = three.records()[0]
    assert list(first) == [
        *("segmentation", "bbox", "area", "predicted_iou"),
        *("point_coords", "stability_score", "crop_box"),
    ]
    assert first["bbox"] == [0, 0, 40, 60] and first["point_coords"] == [[7.5, 7.5]]
    assert np.array_equal(decode(first["segmentation"]), three.masks[0])
    json.dumps(three.records())


def test_gaps_have_no_score_and_are_clicked_in_their_middle(three):
    covered = three.disjoint(cover=True)
    assert covered.areas.sum() == 60 * 80 and covered.scores[-1] == 0
    assert covered.boxes[3].tolist() == [60, 0, 80, 60]
    x, y = covered.columns["point_coords"][3, 0].astype(int)
    assert covered.masks[3][y, x]
    assert covered.columns["crop_box"][3].tolist() == [0, 0, 80, 60] and covered.columns["stability_score"][3] == 0


def test_columns_have_a_row_for_each_mask(three):
    assert three.with_columns(object_id=["a", "b", "c"])[2].columns["object_id"] == ("c",)
    with pytest.raises(InputError, match="object_id has 2 rows and there are 3 masks"):
        three.with_columns(object_id=["a", "b"])
    with pytest.raises(OptionError, match="2 labels for 3"):
        three.with_labels(["a", "b"])


def test_what_does_not_fit_together_is_refused(three):
    with pytest.raises(InputError, match=r"mask 1 is of \[4, 4\]"):
        Instances.from_masks([np.ones((3, 4), bool), np.ones((4, 4), bool)])
    with pytest.raises(InputError, match="no mask that could tell"):
        Instances.from_masks([])
    with pytest.raises(InputError, match="nothing to join"):
        Instances.join([])
    with pytest.raises(InputError, match="cannot be joined"):
        Instances.join([three, Instances.empty((60, 80))])


def test_it_says_what_it_is(three):
    assert repr(three.with_labels("cup")) == "Instances(3 masks of 80 x 60, labels=['cup'])"


def test_it_is_the_public_name():
    assert hqsam.Instances is Instances


def test_it_saves_itself(three, tmp_path):
    paths = three.save(tmp_path, "coco", "label_map", "csv", "sam", "svg", "png", labels="cup")
    assert {path.name for path in paths} >= {"cup_coco.json", "cup_labels.png", "cup_objects.csv", "cup_mask_01.png"}
    content = json.loads((tmp_path / "cup_coco.json").read_text())
    assert content == three.to_coco("cup") and content["categories"][0]["name"] == "cup"
    assert [one["segmentation"] for one in content["annotations"]] == three.to_rle()
    assert "score" not in content["annotations"][2] and content["annotations"][2]["stability_score"] == 0.98
    assert three.save(tmp_path / "all.json") == [tmp_path / "all.json"]


def test_it_draws_itself(three):
    drawn, cut = three.overlay(PHOTO), three.cutout(PHOTO)
    assert drawn.shape == (60, 80, 3) and (drawn != PHOTO).any()
    assert cut.shape == (60, 80, 4) and cut[30, 10, 3] == 255 and cut[30, 70, 3] == 0
    with pytest.raises(ImageError, match="80 x 60"):
        three.overlay(PHOTO[:10])


def test_a_notebook_shows_its_masks_on_grey_where_there_is_no_image(three):
    html = three._repr_html_()
    with Image.open(BytesIO(b64decode(re.search(r"base64,([^\"]+)", html)[1]))) as shown:
        assert shown.size == (80, 60)
    assert "Instances(3 masks of 80 x 60" in html
    with pytest.raises(OptionError, match="give it, by its path"):
        three.overlay()


def test_it_travels_between_processes(three):
    back = pickle.loads(pickle.dumps(three))
    assert_same_rows(back[:2], three, [0, 1])
