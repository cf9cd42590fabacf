from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given

from hqsam.errors import InputError
from hqsam.evaluation.simulated_user import Click, by_clicks, correction, from_box
from tests.masks.strategies import pairs

TRUTH = np.zeros((40, 50), bool)
TRUTH[10:31, 5:26] = True


@dataclass
class FakeAnswer:
    masks: np.ndarray


@dataclass
class FakeSession:
    """Answers with the given masks, one after another, and remembers what it was asked."""

    predictions: list
    asked: list = field(default_factory=list)

    def segment(self, **prompt):
        self.asked.append(prompt)
        return FakeAnswer(self.predictions[len(self.asked) - 1][None])


def without(mask, *window):
    changed = mask.copy()
    changed[window] = False
    return changed


def test_the_box_is_that_of_the_true_mask():
    session = FakeSession([TRUTH])
    answer = from_box(session, TRUTH, source="hq")
    assert session.asked[0]["box"].tolist() == [5, 10, 26, 31]
    assert session.asked[0]["source"] == "hq"
    assert np.array_equal(answer.masks[0], TRUTH)


def test_the_first_click_is_in_the_middle():
    session = FakeSession([TRUTH])
    by_clicks(session, TRUTH, corrections=0)
    assert session.asked == [{"points": [(15, 20)], "labels": [1], "source": None}]


MISSED = without(TRUTH, slice(10, 31), slice(15, 26))
TOO_MUCH = TRUTH.copy()
TOO_MUCH[33:38, 30:35] = True


def test_corrections_by_points_tell_all_clicks_again():
    session = FakeSession([MISSED, TOO_MUCH, TRUTH])
    answers = by_clicks(session, TRUTH, corrections=2)
    assert [asked["labels"] for asked in session.asked] == [[1], [1, 1], [1, 1, 0]]
    assert session.asked[2]["points"] == [(15, 20), (20, 15), (32, 35)]
    assert [answer.masks[0].sum() for answer in answers] == [MISSED.sum(), TOO_MUCH.sum(), TRUTH.sum()]
    assert all("refine" not in asked for asked in session.asked)


def test_corrections_by_refining_tell_only_the_new_click_and_the_earlier_answer():
    session = FakeSession([MISSED, TOO_MUCH, TRUTH])
    answers = by_clicks(session, TRUTH, corrections=2, go_on="refine", source="sam")
    assert [asked["points"] for asked in session.asked] == [[(15, 20)], [(20, 15)], [(32, 35)]]
    assert [asked["labels"] for asked in session.asked] == [[1], [1], [0]]
    assert [asked.get("refine") for asked in session.asked] == [None, answers[0], answers[1]]
    assert {asked["source"] for asked in session.asked} == {"sam"}


def test_a_perfect_answer_is_not_corrected():
    session = FakeSession([TRUTH])
    answers = by_clicks(session, TRUTH, corrections=2)
    assert len(answers) == 3 and len(session.asked) == 1
    assert answers[0] is answers[1] is answers[2]


def test_the_larger_error_is_corrected_and_a_missing_part_first():
    both = without(TOO_MUCH, slice(10, 12), slice(5, 9))
    assert correction(both, TRUTH) == Click(32, 35, 0)
    assert correction(np.zeros_like(TRUTH), TRUTH) == Click(15, 20, 1)
    shifted = np.roll(TRUTH, 25, axis=1)
    assert correction(shifted, TRUTH).label == 1


@given(pairs)
def test_a_correction_hits_an_error_and_says_which(pair):
    predicted, truth = pair
    click = correction(predicted, truth)
    if click is None:
        assert np.array_equal(predicted, truth)
    else:
        assert truth[click.y, click.x] == (click.label == 1) != predicted[click.y, click.x]


def test_an_empty_true_mask_cannot_be_asked_about():
    session = FakeSession([])
    for protocol in (from_box, by_clicks):
        with pytest.raises(InputError, match="empty"):
            protocol(session, np.zeros((4, 4), bool))
    assert session.asked == []
