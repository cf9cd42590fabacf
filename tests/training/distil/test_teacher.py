"""A teacher's answers are those that its users get, and its objects are different and neither specks nor everything."""

import numpy as np
import pytest
import torch

from hqsam.data.views import View
from hqsam.engines.torch import TorchEngine
from hqsam.predict.segmenter import Segmenter
from hqsam.training.distil.objects import choose_candidates, choose_objects
from hqsam.training.distil.teacher import Teacher, scaled_points
from tests.tiny import tiny_model
from tests.training.scenes import scene

CPU = torch.device("cpu")
WHOLE = np.full((1, 128, 128), 255, np.uint8)


def sigmoid_255(logits):
    return 255 / (1 + np.exp(-np.asarray(logits, np.float64)))


@pytest.mark.parametrize("kind", ["vit", "plain_tiny_vit", "efficientnet_lite"])
def test_answers_are_what_a_session_answers_to_the_same_prompts(kind):
    image, model = scene(3, 128).image, tiny_model(kind)
    found = Teacher(model, CPU, torch.float32).answer(View(image, WHOLE), 3, np.random.default_rng(0))
    session = Segmenter(TorchEngine(model, CPU, torch.float32)).open(image)
    clicks, boxes = found["points"][0, :, :1].numpy(), found["points"][1].reshape(3, 4).numpy()
    ones = np.ones(clicks.shape[:2], int)
    for number, given in enumerate(({"points": clicks, "labels": ones}, {"boxes": boxes})):
        single = session.segment(**given, source="sam")
        several = session.segment(**given, source="sam", candidates=3)
        np.testing.assert_allclose(found["inside"][number, :, 0], sigmoid_255(single.logits), atol=0.6)
        expected = sigmoid_255(several.logits).reshape(found["inside"][number, :, 1:].shape)
        np.testing.assert_allclose(found["inside"][number, :, 1:], expected, atol=0.6)
        np.testing.assert_allclose(found["scores"][number, :, 0], single.scores, atol=1e-4)
    by_box = session.segment(boxes=boxes)
    np.testing.assert_allclose(found["truth"][1], sigmoid_255(by_box.logits), atol=0.6)
    by_click = session.segment(points=clicks, labels=ones, candidates=3)
    if by_click.source != "hq":
        logits = by_click.logits.reshape(3, 3, *by_click.logits.shape[-2:])[np.arange(3), found["chosen"].numpy() - 1]
        np.testing.assert_allclose(found["truth"][0], sigmoid_255(logits), atol=0.6)


def test_clicks_are_on_the_photo_and_not_on_its_padding():
    inside = np.zeros((1, 128, 128), np.uint8)
    inside[0, :50, :90] = 255
    teacher = Teacher(tiny_model(), CPU, torch.float32)
    for seed in range(5):
        clicks = teacher.answer(View(scene(1, 128).image, inside), 4, np.random.default_rng(seed))["points"][0, :, 0]
        assert ((clicks >= 0) & (clicks < torch.tensor([90, 50]))).all()


def test_a_photo_in_which_the_teacher_finds_nothing_is_still_answered():
    model = tiny_model()
    with torch.no_grad():
        for head in model.mask_decoder.filters:
            head.get_submodule("4").weight.zero_()
            head.get_submodule("4").bias.zero_()  # all logits are 0, and no pixel is inside
    found = Teacher(model, CPU, torch.float32).answer(View(scene(1, 128).image, WHOLE), 2, np.random.default_rng(0))
    assert found["chosen"].tolist() == [0, 0]
    boxes = found["points"][1].reshape(2, 4)
    assert (boxes[:, 2:] - boxes[:, :2] > 80).all(), "the photo's own box"


def test_candidates_are_drawn_among_the_sure_ones_of_a_usable_size():
    areas = np.array([[0.2, 0.3, 0.99], [0.2, 0.3, 0.4], [0.0, 1.0, 0.0001]])
    scores = np.array([[0.80, 0.85, 0.99], [0.5, 0.9, 0.6], [0.9, 0.9, 0.9]])
    drawn = np.array([choose_candidates(areas, scores, np.random.default_rng(seed)) for seed in range(20)])
    assert set(drawn[:, 0]) == {0, 1} and set(drawn[:, 1]) == {1} and set(drawn[:, 2]) == {-1}


def test_of_masks_of_one_object_one_is_chosen_and_the_better_half_comes_first():
    masks = np.zeros((4, 8, 8), bool)
    masks[0, :4], masks[1, :4], masks[2, 4:], masks[3, :, :2] = True, True, True, True
    assert choose_objects(masks, np.array([0.2, 0.9, 0.8, 0.1]), 4) == [1, 2, 3]
    assert choose_objects(masks, np.array([0.2, 0.9, 0.8, 0.1]), 1) == [1]
    assert choose_objects(masks[:0], np.zeros(0), 3) == []


def test_points_keep_their_place_in_a_square_of_another_size():
    corners = torch.tensor([[-0.5, -0.5], [511.5, 511.5], [255.5, 0.0]])
    assert scaled_points(corners, 512, 1024).tolist() == [[-0.5, -0.5], [1023.5, 1023.5], [511.5, 0.5]]
    assert scaled_points(corners, 512, 512) is corners
