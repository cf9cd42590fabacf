"""Settings changed by name."""

import pytest

from hqsam.errors import OptionError
from hqsam.training.overrides import override
from hqsam.training.recipes import finetune, nano


def test_a_path_reaches_into_stages_and_leaves_the_rest():
    recipe = override(nano(), "stages.1.sampling.batch_size=3")
    assert recipe.stages[1].sampling.batch_size == 3
    assert recipe.stages[0] == nano().stages[0]


def test_whole_numbers_will_do_for_fractions_and_lists_for_tuples():
    assert override(nano(), "stages.0.learning_rate=1").stages[0].learning_rate == 1.0
    assert override(nano(), "stages.0.rounds=[1.0]").stages[0].rounds == (1.0,)


def test_epochs_take_the_place_of_steps():
    changed = override(finetune(8), "stages.0.epochs=5").stages[0]
    assert (changed.epochs, changed.steps) == (5, 0)
    assert override(override(finetune(8), "stages.0.epochs=5"), "stages.0.steps=7").stages[0].steps == 7


def test_words_need_no_quotes():
    assert override(nano(), "precision=float32").precision == "float32"


@pytest.mark.parametrize(
    ("assignment", "complaint"),
    [
        ("seed", "path=value"),
        ("sead=1", "no 'sead'"),
        ("stages.9.steps=1", "nothing is called '9'"),
        ("seed=many", "give a int"),
        ("stages.0.steps=1.5", "give a int"),
        ("stages.0.trainable=head", "got 'head'; choose one of hq, decoder, lora, sam, iou"),
        ("stages.0.optimiser=sgd", "choose one of muon, adamw, adam"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(assignment, complaint):
    with pytest.raises(OptionError, match=complaint):
        override(nano(), assignment)


def test_settings_are_still_known_by_their_names_of_version_0_1():
    assert override(nano(), "stages.0.average=0.5").stages[0].ema_decay == 0.5
    assert override(nano(), "stages.0.at_once=2").stages[0].micro_batch == 2
    assert override(nano(), "read_at=256").max_side == 256
