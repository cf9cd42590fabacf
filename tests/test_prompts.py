"""A prompt is checked when it is made."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hqsam.errors import PromptError
from hqsam.geometry import Frame
from hqsam.prompts import Prompts, check_prompts, logits_from_mask

WIDTH, HEIGHT, MASK_SIZE = 60, 40, 16


@pytest.fixture(scope="module")
def frame():
    return Frame((HEIGHT, WIDTH), 64)


def check(**prompt):
    return check_prompts(Frame((HEIGHT, WIDTH), 64), MASK_SIZE, **prompt)


def test_points_of_rank_two_are_one_prompt():
    prompts = check(points=[(5, 6), (7, 8)], labels=[1, 0])
    assert prompts.points.shape == (1, 2, 2)
    assert prompts.labels.tolist() == [[1, 0]]


def test_points_of_rank_three_are_as_many_prompts():
    assert len(check(points=np.ones((5, 2, 2), int), labels=np.ones((5, 2)))) == 5


def test_a_box_is_one_prompt_and_boxes_are_many():
    assert len(check(box=(1, 2, 3, 4))) == 1
    assert len(check(boxes=[(1, 2, 3, 4), (5, 6, 7, 8)])) == 2


def test_torch_tensors_tuples_and_integers_are_all_points():
    for points in (torch.tensor([[5, 6]]), ((5, 6),), np.array([[5, 6]], np.uint8)):
        assert check(points=points, labels=[True]).points.tolist() == [[[5.0, 6.0]]]


def test_boxes_points_and_masks_mix_when_there_are_as_many_of_each():
    mask = np.zeros((2, HEIGHT, WIDTH), bool)
    mask[:, 3:9, 4:8] = True
    prompts = check(boxes=[(1, 2, 30, 40)] * 2, points=np.full((2, 1, 2), 5), labels=[[1], [0]], mask=mask)
    assert len(prompts) == len(prompts.boxes) == len(prompts.mask_logits) == 2


def test_a_box_partly_outside_is_clipped():
    assert check(box=(-10, -10, 1000, 20)).boxes.tolist() == [[0, 0, WIDTH, 20]]


def test_prompts_of_one_shape_are_joined_and_told_by_their_numbers():
    mask = np.ones((HEIGHT, WIDTH), bool)
    given = [
        {"box": (1, 2, 3, 4)},
        {"points": [(5, 6)], "labels": [1]},
        {"box": (5, 6, 7, 8)},
        {"points": [(5, 6), (7, 8)], "labels": [1, 0]},
        {"box": (5, 6, 7, 8), "mask": mask},
        {"points": [(7, 7)], "labels": [0]},
        {"box": (9, 6, 17, 8)},
    ]
    single = [check(**prompt) for prompt in given]
    batches = {tuple(numbers): joined for numbers, joined in Prompts.batches(single)}
    assert set(batches) == {(0, 2, 6), (1, 5), (3,), (4,)}
    assert batches[0, 2, 6].boxes.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 6, 17, 8]]
    assert batches[1, 5].labels.tolist() == [[1], [0]]
    assert len(batches[4,].mask_logits) == 1
    assert [numbers for numbers, _ in Prompts.batches(single, max_size=2)] == [[0, 2], [6], [1, 5], [3], [4]]
    assert list(Prompts.batches([])) == []


NAN, INF = float("nan"), float("inf")
MASK = np.ones((HEIGHT, WIDTH), bool)
BAD = {
    "nothing at all": ({}, "empty"),
    "labels alone": ({"labels": [1]}, "without points"),
    "points without labels": ({"points": [(5, 5)]}, "without labels"),
    "no points": ({"points": [], "labels": []}, "shape"),
    "points of no prompt": ({"points": np.zeros((0, 1, 2)), "labels": np.zeros((0, 1))}, "shape"),
    "one bare point": ({"points": (5, 5), "labels": 1}, "expected"),
    "three numbers a point": ({"points": [(5, 5, 5)], "labels": [1]}, "expected"),
    "fewer labels than points": ({"points": [(5, 5), (6, 6)], "labels": [1]}, "one label for each"),
    "labels of another rank": ({"points": [(5, 5)], "labels": [[1]]}, "one label for each"),
    "a label of 2": ({"points": [(5, 5)], "labels": [2]}, "1 .the object"),
    "a label of -1": ({"points": [(5, 5)], "labels": [-1]}, "1 .the object"),
    "half a label": ({"points": [(5, 5)], "labels": [0.5]}, "1 .the object"),
    "words for labels": ({"points": [(5, 5)], "labels": ["in"]}, "numbers"),
    "words for points": ({"points": "5,5", "labels": [1]}, "numbers"),
    "ragged points": ({"points": [(5, 5), (6,)], "labels": [1, 1]}, "array"),
    "complex points": ({"points": [(5j, 5)], "labels": [1]}, "numbers"),
    "a missing coordinate": ({"points": [(5, None)], "labels": [1]}, "numbers"),
    "a NaN point": ({"points": [(5, NAN)], "labels": [1]}, "finite"),
    "a point at infinity": ({"points": [(INF, 5)], "labels": [1]}, "finite"),
    "a NaN label": ({"points": [(5, 5)], "labels": [NAN]}, "finite"),
    "a point right of the image": ({"points": [(WIDTH, 5)], "labels": [1]}, "60 x 40"),
    "a point above the image": ({"points": [(5, -0.1)], "labels": [1]}, "outside"),
    "a point that was normalised wrongly": ({"points": [(1e300, 5)], "labels": [1]}, "outside"),
    "a tensor with gradients": ({"points": torch.ones(1, 2, requires_grad=True), "labels": [1]}, "array"),
    "box and boxes": ({"box": (1, 2, 3, 4), "boxes": [(1, 2, 3, 4)]}, "both"),
    "three numbers": ({"box": (1, 2, 3)}, "x0, y0, x1, y1"),
    "a box as boxes": ({"boxes": (1, 2, 3, 4)}, "N, 4"),
    "boxes as a box": ({"box": [(1, 2, 3, 4)]}, "shape"),
    "no boxes": ({"boxes": np.zeros((0, 4))}, "shape"),
    "an empty list of boxes": ({"boxes": []}, "shape"),
    "a box in words": ({"box": "1,2,3,4"}, "numbers"),
    "a NaN box": ({"box": (1, 2, NAN, 4)}, "finite"),
    "an infinite box": ({"box": (1, 2, INF, 4)}, "finite"),
    "a box that runs left": ({"box": (30, 2, 10, 4)}, "before it starts"),
    "a box that runs up": ({"box": (3, 20, 10, 4)}, "before it starts"),
    "a box with no width": ({"box": (3, 2, 3, 4)}, "no area"),
    "a box of one point": ({"box": (3, 2, 3, 2)}, "no area"),
    "a box beside the image": ({"box": (WIDTH, 2, WIDTH + 5, 9)}, "outside the 60 x 40"),
    "a box above the image": ({"box": (2, -9, 8, 0)}, "outside"),
    "a bad box among good ones": ({"boxes": [(1, 2, 3, 4), (70, 2, 80, 4)]}, "70"),
    "an empty mask": ({"mask": np.zeros((HEIGHT, WIDTH), bool)}, "empty"),
    "a mask of another image": ({"mask": MASK.T}, r"\[40, 60\]"),
    "a mask of one row": ({"mask": MASK[0]}, "shape"),
    "a picture as mask": ({"mask": MASK.astype(np.uint8)}, "bool"),
    "a float mask of the image": ({"mask": MASK.astype(float)}, "must be bool"),
    "logits of another model": ({"mask": np.zeros((1, 8, 8))}, "16, 16"),
    "NaN logits": ({"mask": np.full((1, 16, 16), NAN)}, "finite"),
    "logits past float32": ({"mask": np.full((1, 16, 16), 1e300)}, "finite"),
    "words for a mask": ({"mask": "cup.png"}, "bool"),
    "two boxes and one click": ({"boxes": [(1, 2, 3, 4)] * 2, "points": [(5, 5)], "labels": [1]}, "1 by points"),
    "two boxes and one mask": ({"boxes": [(1, 2, 3, 4)] * 2, "mask": MASK}, "differ"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_prompt_is_refused_and_the_message_says_what_is_expected(name):
    prompt, message = BAD[name]
    with pytest.raises(PromptError, match=message):
        check(**prompt)


def test_clicks_come_before_one_padding_point(frame):
    points, labels = check(points=[(30, 20), (3, 2)], labels=[1, 0]).in_model()
    assert labels.tolist() == [[1, 0, -1]]
    assert points[0, 2].tolist() == [0, 0]
    np.testing.assert_allclose(points[0, :2], frame.points_to_model(np.array([(30, 20), (3, 2)])), rtol=1e-6)


def test_clicks_come_before_the_corners_of_the_box():
    points, labels = check(points=[(30, 20)], labels=[1], box=(6, 4, 54, 36)).in_model()
    assert labels.tolist() == [[1, 2, 3]]
    assert points.shape == (1, 3, 2)
    assert (points[0, 1] < points[0, 0]).all() and (points[0, 0] < points[0, 2]).all()


def test_a_mask_alone_has_no_points():
    points, labels = check(mask=MASK).in_model()
    assert points.shape == (1, 0, 2)
    assert labels.shape == (1, 0)


def test_clicks_are_added_after_the_earlier_ones():
    both = check(points=[(1, 2)], labels=[1]).with_clicks(check(points=[(3, 4)], labels=[0]))
    assert both.points.tolist() == [[[1, 2], [3, 4]]]
    assert both.labels.tolist() == [[1, 0]]


def test_mask_logits_pass_through_unchanged():
    logits = np.random.default_rng(0).standard_normal((2, MASK_SIZE, MASK_SIZE), dtype=np.float32)
    np.testing.assert_array_equal(check(mask=logits).mask_logits, logits)
    np.testing.assert_array_equal(check(mask=logits[0]).mask_logits, logits[:1])


def test_a_mask_becomes_sure_logits_with_a_soft_edge(frame):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[10:30, 15:45] = True
    logits = logits_from_mask(mask, frame, MASK_SIZE)
    assert logits.dtype == np.float32
    assert logits[5, 8] > 6
    assert logits[0, 0] < -6
    assert (logits[11:] < -6).all(), "the padding below the image is outside"
    assert ((logits > -6) & (logits < 6)).any(), "cells on the edge are in doubt"


@given(
    x=st.integers(0, 30), y=st.integers(0, 20), width=st.integers(20, 30), height=st.integers(15, 20),
    fit=st.sampled_from(["pad", "squash"]),
)  # fmt: skip
def test_a_mask_survives_the_trip_through_its_logits(x, y, width, height, fit):
    frame = Frame((HEIGHT, WIDTH), 64, fit)
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[y : y + height, x : x + width] = True
    logits = torch.from_numpy(logits_from_mask(mask, frame, MASK_SIZE))
    back = frame.masks_in_image(logits[None])[0].numpy()
    assert (back & mask).sum() / (back | mask).sum() > 0.8  # a cell is almost four pixels wide here
