from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given

from hqsam.errors import DataError, InputError
from hqsam.evaluation.davis import contour_accuracy, score_split, statistics
from hqsam.evaluation.record import Row
from hqsam.evaluation.samples import EvaluationSample, OpenSplit, Target
from hqsam.masks import rle
from tests.masks.strategies import AWKWARD, masks, pairs


def plain_contour_accuracy(predicted, truth, tolerance):
    """The benchmark's definition, over the whole image and pixel by pixel."""
    height, width = truth.shape
    reach = int(np.ceil(tolerance * np.hypot(height, width)))
    contours = []
    for mask in (predicted, truth):
        contour = np.zeros_like(mask)
        for y in range(height):
            for x in range(width):
                neighbours = [(y, x + 1), (y + 1, x), (y + 1, x + 1)]
                inside = [mask[place] for place in neighbours if place[0] < height and place[1] < width]
                contour[y, x] = any(value != mask[y, x] for value in inside)
        contours.append(contour)
    places = [np.argwhere(contour) for contour in contours]
    if not len(places[0]) or not len(places[1]):
        return float(len(places[0]) == len(places[1]))
    far = ((places[0][:, None] - places[1][None]) ** 2).sum(axis=2)
    precision, recall = (far.min(axis=1) <= reach**2).mean(), (far.min(axis=0) <= reach**2).mean()
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@given(pairs)
@pytest.mark.parametrize("tolerance", [0.008, 0.15, 0.4])
def test_contours_agree_as_the_plain_definition_says(tolerance, pair):
    assert contour_accuracy(*pair, tolerance) == pytest.approx(plain_contour_accuracy(*pair, tolerance))


def test_in_a_large_image_only_what_is_near_matters():
    random = np.random.default_rng(0)
    noise = cv2.GaussianBlur(random.random((120, 160)).astype(np.float32), (0, 0), 4)
    one, other = np.zeros((120, 160), bool), np.zeros((120, 160), bool)
    one[20:70, 30:90], other[22:72, 28:90] = noise[20:70, 30:90] > 0.48, noise[22:72, 28:90] > 0.5
    value = contour_accuracy(one, other)
    assert 0.3 < value < 0.99 and value == pytest.approx(plain_contour_accuracy(one, other, 0.008))


@given(masks)
def test_a_mask_has_its_own_contours(mask):
    assert contour_accuracy(mask, mask) == 1


@pytest.mark.parametrize("mask", AWKWARD.values(), ids=AWKWARD)
def test_contours_of_awkward_masks(mask):
    nothing = np.zeros_like(mask)
    assert contour_accuracy(mask, nothing, 0.2) == pytest.approx(plain_contour_accuracy(mask, nothing, 0.2))


def test_hand_worked_a_square_that_is_a_little_and_far_too_large():
    truth, near, far = (np.zeros((480, 854), bool) for _ in range(3))
    truth[100:200, 100:200], near[95:205, 95:205], far[50:250, 50:250] = True, True, True
    assert contour_accuracy(near, truth) == 1  # 8 pixels are allowed: 0.008 of 980
    assert contour_accuracy(far, truth) == 0


def test_masks_of_different_sizes_cannot_be_compared():
    with pytest.raises(InputError, match="cannot be compared"):
        contour_accuracy(np.ones((3, 4), bool), np.ones((4, 3), bool))


def test_mean_recall_and_decay_of_eight_frames():
    values = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2])
    # Quarters end at frames 1, 2.75, 4.5, 6.25 and 8, rounded: 1 to 3, and 6 to 8. Neighbours share a frame.
    found = statistics(values)
    assert found.mean == pytest.approx(0.55) and found.recall == 4 / 8
    assert found.decay == pytest.approx(np.mean([0.9, 0.8, 0.7]) - np.mean([0.4, 0.3, 0.2]))


SIZE_HW = (60, 80)
LEFT, RIGHT = np.zeros(SIZE_HW, bool), np.zeros(SIZE_HW, bool)
LEFT[10:40, 5:30], RIGHT[10:40, 40:70] = True, True


def video(frames):
    """A list of a dict of true masks by object for each frame."""

    def sample(number, truths):
        targets = [Target(f"object-{track}", truth, about={"track": track}) for track, truth in truths.items()]
        about = {"video_id": "bear", "frame": number, "frames": len(frames), "objects": len(frames[0])}
        return EvaluationSample(f"bear/{number}", Path("photo.jpg"), lambda: targets, None, about)

    return OpenSplit("DAVIS-2017", tuple(sample(number, truths) for number, truths in enumerate(frames)))


def row(frame, mask, track=1, score=0.5):
    return Row(f"bear/{frame}", f"object-{track}", SIZE_HW, {"track": track}, None, None, score, rle.encode(mask))


def test_the_true_masks_have_full_marks():
    split = video([{1: LEFT, 2: RIGHT}] * 4)
    rows = [row(frame, mask, track) for frame in range(4) for track, mask in ((1, LEFT), (2, RIGHT))]
    scores = score_split(split, rows)
    assert (scores["J&F"], scores["J"], scores["F"], scores["J_recall"], scores["F_recall"]) == (1, 1, 1, 1, 1)
    assert scores["J_decay"] == scores["F_decay"] == 0


def test_the_first_and_the_last_frame_do_not_count():
    rows = [row(0, RIGHT), row(1, LEFT), row(2, LEFT), row(3, RIGHT)]
    assert score_split(video([{1: LEFT}] * 4), rows)["J&F"] == 1


def test_every_object_counts_the_same_and_what_has_no_answer_is_empty():
    scores = score_split(video([{1: LEFT, 2: RIGHT}] * 3), [row(1, LEFT)])
    assert scores["J"] == 0.5 and scores["F"] == 0.5


def test_a_hidden_object_is_rightly_not_found():
    split = video([{1: LEFT, 2: RIGHT}, {1: LEFT}, {1: LEFT, 2: RIGHT}])
    assert score_split(split, [row(1, LEFT)])["J&F"] == 1
    assert score_split(split, [row(1, LEFT), row(1, RIGHT, track=2)])["J"] == 0.5


def test_a_shared_pixel_goes_to_the_better_score():
    both = LEFT | RIGHT
    split = video([{1: LEFT, 2: RIGHT}] * 3)
    assert score_split(split, [row(1, LEFT, 1, 0.9), row(1, both, 2, 0.5)])["J&F"] == 1
    assert score_split(split, [row(1, LEFT, 1, 0.5), row(1, both, 2, 0.9)])["J"] == pytest.approx((0 + 900 / 1650) / 2)


def test_a_mask_of_another_size_than_its_frame_is_refused():
    answer = Row("bear/1", "object-1", (4, 5), {"track": 1}, None, None, 0.5, rle.encode(np.ones((4, 5), bool)))
    with pytest.raises(DataError, match=r"a mask of bear/1 is \(4, 5\) .*, and its frame \(60, 80\)"):
        score_split(video([{1: LEFT}] * 3), [answer])


def test_where_no_frame_counts_there_is_no_score():
    assert score_split(video([{1: LEFT}] * 2), [row(0, LEFT)]) == {}
