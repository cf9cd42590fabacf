from dataclasses import dataclass, field

import numpy as np
from hypothesis import given

from hqsam.evaluation.interactive import click_to_target, next_click
from hqsam.evaluation.simulated_user import Click
from tests.masks.strategies import pairs

TRUTH = np.zeros((40, 50), bool)
TRUTH[10:31, 5:26] = True
NOTHING = np.zeros_like(TRUTH)


@dataclass
class FakeAnswer:
    masks: np.ndarray


@dataclass
class FakeSession:
    """Answers with the given masks, one after another, and remembers what it was asked."""

    predictions: list
    asked: list = field(default_factory=list)

    def __call__(self, **prompt):
        self.asked.append(prompt)
        return FakeAnswer(self.predictions[min(len(self.asked), len(self.predictions)) - 1][None])


def with_window(mask, rows, columns, value):
    changed = mask.copy()
    changed[rows, columns] = value
    return changed


WIDE_BUT_SHALLOW = with_window(TRUTH, slice(10, 13), slice(5, 26), False)
"""63 pixels are missing, 3 deep."""
SMALL_BUT_DEEP = with_window(WIDE_BUT_SHALLOW, slice(30, 37), slice(40, 47), True)
"""49 pixels are too much, 7 deep."""


def test_the_first_click_is_where_the_object_is_deepest():
    assert next_click(NOTHING, TRUTH, NOTHING) == Click(15, 20, 1)


def test_a_click_goes_to_the_deeper_error_and_not_to_the_larger():
    assert next_click(WIDE_BUT_SHALLOW, TRUTH, NOTHING) == Click(6, 11, 1)
    assert next_click(SMALL_BUT_DEEP, TRUTH, NOTHING) == Click(43, 33, 0)


def test_no_pixel_is_clicked_twice():
    clicked = with_window(NOTHING, 33, 43, True)
    again = next_click(SMALL_BUT_DEEP, TRUTH, clicked)
    assert again.label == 0 and (again.x, again.y) != (43, 33)


def test_of_errors_of_one_depth_what_is_too_much_comes_first():
    both = with_window(with_window(TRUTH, slice(18, 21), slice(14, 17), False), slice(2, 5), slice(30, 33), True)
    assert next_click(both, TRUTH, NOTHING).label == 0


@given(pairs)
def test_a_click_hits_an_error_and_says_which(pair):
    predicted, truth = pair
    click = next_click(predicted, truth, np.zeros_like(truth))
    if click is None:
        assert np.array_equal(predicted, truth)
    else:
        assert truth[click.y, click.x] == (click.label == 1) != predicted[click.y, click.x]


def test_each_click_refines_the_answer_before_until_the_goal():
    session = FakeSession([SMALL_BUT_DEEP, WIDE_BUT_SHALLOW, TRUTH])
    result = click_to_target(session, TRUTH, goal=0.9, most_clicks=20)
    assert [asked["points"] for asked in session.asked] == [[(15, 20)], [(43, 33)], [(6, 11)]]
    assert [asked["labels"] for asked in session.asked] == [[1], [0], [1]]
    assert "refine" not in session.asked[0] and all("refine" in asked for asked in session.asked[1:])
    assert result.ious == (378 / 490, 378 / 441, 1.0) and np.array_equal(result.last.masks[0], TRUTH)


def test_it_ends_at_the_goal_or_when_no_click_is_left():
    assert len(click_to_target(FakeSession([WIDE_BUT_SHALLOW]), TRUTH, goal=0.85, most_clicks=20).ious) == 1
    stubborn = FakeSession([WIDE_BUT_SHALLOW])
    assert click_to_target(stubborn, TRUTH, goal=0.9, most_clicks=4).ious == (378 / 441,) * 4
    assert len({tuple(asked["points"]) for asked in stubborn.asked}) == 4


def test_it_ends_where_every_wrong_pixel_has_been_clicked():
    almost = with_window(TRUTH, 10, 5, False)
    assert len(click_to_target(FakeSession([NOTHING, almost]), TRUTH, goal=1.0, most_clicks=20).ious) == 3
