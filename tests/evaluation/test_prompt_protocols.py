import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hqsam.errors import OptionError
from hqsam.evaluation.pipelines import FramedImage
from hqsam.evaluation.prompt_protocols import (
    TRIALS,
    FramedTarget,
    InteractiveProtocol,
    clicks,
    coarse_mask,
    noisy_box,
    parse_prompts,
    random_for,
    with_noise,
)
from hqsam.evaluation.samples import Target

TRUTH = np.zeros((60, 80), bool)
TRUTH[10:41, 20:61] = True


def shown(truth=TRUTH, box=None, coarse=None):
    view = FramedImage.of("user", np.zeros((*truth.shape, 3), np.uint8), 128)
    return FramedTarget(Target("1", truth, box, coarse), truth, view, 32)


def ask(prompt_kind, one=None, seed=0):
    return prompt_kind.draw(one or shown(), random_for(seed, prompt_kind.name))


def names(*words):
    return [prompt_kind.name for prompt_kind in parse_prompts(words)]


def test_words_become_questions_each_once():
    assert names("box", "click:1,3", "innermost", "click:3") == ["box", "1 click", "3 clicks"]
    assert names("noisy-box", "coarse-mask") == ["noisy box 0.2", "noisy box 0.4", "coarse mask"]
    assert names("click:5+5,10+5") == ["5 + 5 clicks", "10 + 5 clicks"]
    assert names("click") == ["1 click", "3 clicks", "5 clicks", "10 clicks"]
    assert parse_prompts(["clicks-to-target"]) == [InteractiveProtocol(most_clicks=20, goal=0.9)]


@pytest.mark.parametrize(
    "word", ["", "boxes", "click:0", "click:1+2+3", "click:a", "noisy-box:2", "noisy-box:0", "box:3", "click:5+0"]
)
def test_what_cannot_be_meant_is_refused(word):
    with pytest.raises(OptionError, match="prompt"):
        parse_prompts([word])


def test_the_box_is_the_data_s_own_where_it_has_one():
    (box,) = parse_prompts(["box"])
    assert ask(box)["box"].tolist() == [20, 10, 61, 41]
    assert ask(box, shown(box=(1.0, 2.0, 3.5, 4.0)))["box"].tolist() == [1, 2, 3.5, 4]


def test_noise_is_dn_detr_s_by_its_definition():
    random = Dealt([np.array([1.0, -0.5]), np.array([-1.0, 0.25])])
    # centre (30, 40) + u * 0.4 * (20, 40) / 2 = (34, 36); sides (20, 40) + u' * 0.4 * (20, 40) = (12, 44)
    assert with_noise(np.array([20.0, 20, 40, 60]), 0.4, (100, 100), random).tolist() == [28, 14, 40, 58]


class Dealt(np.random.Generator):
    """Gives what it was given."""

    def __init__(self, draws):
        super().__init__(np.random.PCG64())
        self.draws = list(draws)

    def uniform(self, low, high, size):
        return self.draws.pop(0)


@given(st.integers(0, 10_000), st.sampled_from([0.2, 0.4, 0.9]))
def test_a_noisy_box_lies_in_the_photo_and_has_an_area(seed, scale):
    x0, y0, x1, y1 = ask(noisy_box(scale), seed=seed)["box"]
    assert 0 <= x0 < x1 <= 80 and 0 <= y0 < y1 <= 60


@given(st.integers(0, 10_000), st.integers(2, 12), st.integers(0, 6))
def test_clicks_are_different_pixels_on_the_object_and_then_beside_it(seed, inside, outside):
    prompt = ask(clicks(inside, outside), seed=seed)
    assert prompt["labels"].tolist() == [1] * inside + [0] * outside
    assert len({tuple(point) for point in prompt["points"].tolist()}) == inside + outside
    assert [bool(TRUTH[y, x]) for x, y in prompt["points"]] == [True] * inside + [False] * outside


def test_one_click_is_the_innermost_point_and_the_same_every_time():
    assert clicks(1).trials == 1 and clicks(3).trials == TRIALS == 3
    assert ask(clicks(1))["points"].tolist() == ask(clicks(1), seed=9)["points"].tolist() == [[35, 25]]


def test_a_dot_is_clicked_more_than_once_and_a_full_photo_has_no_outside():
    dot = np.zeros((60, 80), bool)
    dot[5, 7] = True
    assert ask(clicks(3), shown(dot))["points"].tolist() == [[7, 5]] * 3
    assert ask(clicks(2, 2), shown(np.ones((60, 80), bool)))["labels"].tolist() == [1, 1]


def test_a_coarse_mask_is_near_the_true_one_and_the_data_s_own_where_it_has_one():
    coarse = ask(coarse_mask())["mask"]
    agreed = (coarse & TRUTH).sum() / (coarse | TRUTH).sum()
    assert 0.5 < agreed < 1 and coarse.shape == TRUTH.shape
    own = np.roll(TRUTH, 3, 1)
    assert np.array_equal(ask(coarse_mask(), shown(coarse=own))["mask"], own)


def test_a_coarse_mask_of_a_dot_is_not_empty():
    dot = np.zeros((60, 80), bool)
    dot[5, 7] = True
    assert all(ask(coarse_mask(), shown(dot), seed)["mask"].any() for seed in range(20))


def test_randomness_depends_on_the_seed_and_the_names_alone():
    first = random_for(1, "photo", "object", "3 clicks", "0").random()
    assert random_for(1, "photo", "object", "3 clicks", "0").random() == first
    others = [(2, "photo", "object"), (1, "photo", "other"), (1, "other", "object")]
    assert all(random_for(seed, *its, "3 clicks", "0").random() != first for seed, *its in others)
