"""Batches: what they hold, and that they are a pure function of the seed and their rows."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hqsam.data.augment import AugmentConfig, augment, jitter, paste, rotated
from hqsam.data.jitter import JitterConfig
from hqsam.data.loader import PromptedDataset, batches, rows_of
from hqsam.data.prompting import SEVERAL, FirstPrompt
from hqsam.data.sample import Sample
from hqsam.data.sampling import SamplingConfig
from hqsam.data.views import add_prompts
from hqsam.errors import DataError
from hqsam.masks import rle
from hqsam.prompts import BOX_END, BOX_START, PADDING, POSITIVE
from tests.training.scenes import scene

SETS = {"drawn": [scene(seed, 64) for seed in range(6)]}
CONFIG = SamplingConfig(batch_size=3, objects=4, size=48, weights=(("drawn", 1.0), ("absent", 2.0)))


def dataset(**changes) -> PromptedDataset:
    return PromptedDataset(SETS, replace(CONFIG, **changes), seed=5)


ROWS = [rows_of(step, 3) for step in range(4)]
PAPER = replace(CONFIG, weights=(), objects=1, prompts="paper", truth_stride=1, augment=JitterConfig())


def test_a_batch_holds_images_masks_and_prompts():
    batch = dataset()[range(3)]
    assert batch.images.shape == (3, 48, 48, 3)
    assert batch.truth.shape == (3, 4, 12, 12)
    assert batch.points.shape == (3, 4, 2, 2)
    assert batch.truth.flatten(2).amax(2).min() > 0


def test_the_same_rows_give_the_same_batch_in_any_process_and_any_order():
    made_here = [dataset()[rows] for rows in ROWS]
    made_elsewhere = [None, *batches(dataset(), ROWS[1:], workers=2)]
    for here, elsewhere in list(zip(made_here, made_elsewhere, strict=True))[1:]:
        assert all(same(*pair) for pair in zip(here, elsewhere, strict=True))


def test_prompts_are_boxes_and_clicks_in_the_shares_asked_for():
    labels = dataset(first=FirstPrompt(box=0.5))[range(90)].labels.flatten(0, 1)
    boxes = (labels == torch.tensor([BOX_START, BOX_END])).all(1)
    clicks = (labels == torch.tensor([POSITIVE, PADDING])).all(1)
    assert (boxes | clicks).all()
    assert 0.4 < boxes.float().mean() < 0.6


def test_all_prompts_of_a_step_begin_alike_and_steps_in_the_shares_asked_for():
    first = FirstPrompt(several=0.3, mask=0.3)
    batch = dataset(first=first)[range(3 * 200)]
    forms = batch.tokens.view(200, -1)
    assert (forms == forms[:, :1]).all()
    counts = {count: int((forms[:, 0] == count).sum()) for count in forms.unique().tolist()}
    assert set(counts) == {0, 2, *(several + 1 for several in SEVERAL)}
    assert 40 < counts[0] < 80 and 60 < counts[2] < 100
    assert torch.equal(batch.has_mask, batch.tokens == 0)
    assert set(batch.mask_prompt[batch.has_mask].unique().tolist()) == {-10, 10}


def same(one, other):
    return one is other is None or torch.equal(one, other)


@pytest.mark.parametrize("ranks", [2, 3])
def test_processes_that_share_a_step_make_what_one_would(ranks):
    whole = PromptedDataset(SETS, PAPER, seed=1)[rows_of(2, 8)]
    parts = [PromptedDataset(SETS, PAPER, seed=1)[rows_of(2, 8, rank, ranks)] for rank in range(ranks)]
    for column, pieces in zip(whole, zip(*parts, strict=True), strict=True):
        assert torch.equal(column, torch.cat(pieces))


def test_without_weights_every_photo_comes_once_an_epoch_and_each_epoch_has_its_own_order():
    plain = [Sample(np.full((48, 48, 3), 10 * k, np.uint8), np.ones((48, 48), np.uint16)) for k in range(9)]
    still = replace(PAPER, augment=JitterConfig(scale=(1, 1), flip=0))
    images = PromptedDataset({"a": plain[:4], "b": plain[4:]}, still, seed=3)
    assert images.images == 9
    epochs = [[int(images.view(row).image[0, 0, 0]) // 10 for row in range(9 * e, 9 * e + 9)] for e in range(3)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(9))] * 3
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_the_paper_s_prompts_say_how_many_tokens_are_meant():
    batch = PromptedDataset(SETS, PAPER, seed=0)[range(60)]
    assert set(batch.tokens.flatten().tolist()) == {0, 2, 11}
    assert torch.equal(batch.has_mask, batch.tokens == 0)
    assert batch.truth.shape == (60, 1, 48, 48)
    assert batch.mask_prompt.shape == (60, 1, 1, 12, 12)
    assert set(batch.mask_prompt.unique().tolist()) == {0, 255}
    assert not batch.mask_prompt[~batch.has_mask].any()
    assert (batch.truth.flatten(2).amax(2) > 128).all()


def test_a_view_can_be_asked_about_again():
    images = PromptedDataset(SETS, PAPER, seed=0)
    random = np.random.default_rng(0)
    asked = [add_prompts(images.view(3), PAPER, random) for _ in range(12)]
    assert len({tuple(one.tokens) for one in asked}) > 1
    assert all((one.truth == images.row(3).truth).all() for one in asked)


def test_an_object_under_another_is_shown_whole():
    lower, upper = np.zeros((48, 48), bool), np.zeros((48, 48), bool)
    lower[8:40, 8:40], upper[16:24, 16:24] = True, True
    labels = np.where(upper, 2, lower * 1).astype(np.uint16)
    sample = Sample(np.zeros((48, 48, 3), np.uint8), labels, "", {1: rle.encode(lower)})
    still = replace(PAPER, objects=20, augment=JitterConfig(scale=(1, 1), flip=0))
    masks = PromptedDataset({"a": [sample]}, still, seed=0).view(0).masks
    assert {int((mask > 0).sum()) for mask in masks} == {32 * 32, 8 * 8}


def test_a_photo_without_objects_is_an_error_that_names_it():
    empty = Sample(np.zeros((48, 48, 3), np.uint8), np.zeros((48, 48), np.uint16), "set/photo")
    with pytest.raises(DataError, match="set/photo"):
        PromptedDataset({"a": [empty]}, PAPER, seed=0).view(0)


def test_sets_that_are_not_there_are_an_error_only_when_all_are_missing():
    with pytest.raises(DataError, match="absent"):
        PromptedDataset(SETS, replace(CONFIG, weights=(("absent", 1.0),)), 0)


def test_the_truth_of_a_logit_is_the_covered_share_of_its_pixels():
    still = AugmentConfig(fit=1, turn=0, paste=0, flip=0, colour=0, gray=0, blur=0)
    labels = np.zeros((48, 48), np.uint16)
    labels[:2, :6] = 1
    sets = {"drawn": [Sample(np.zeros((48, 48, 3), np.uint8), labels)]}
    truth = PromptedDataset(sets, replace(CONFIG, augment=still), 0)[[0]].truth[0, 0]
    assert truth[0, :3].tolist() == [128, 64, 0]
    assert truth[1:].sum() == 0


def test_a_fitted_photo_is_whole_and_padded_below_with_the_mean_colour():
    tall = Sample(np.full((20, 40, 3), 9, np.uint8), np.ones((20, 40), np.uint16))
    fitted = jitter(tall, 40, AugmentConfig(fit=1), np.random.default_rng(0))
    assert (fitted.image[:20] == 9).all()
    assert (fitted.image[20:] == (124, 116, 104)).all()
    assert fitted.labels.sum() == 20 * 40


def test_jitter_moves_image_and_labels_together():
    random = np.random.default_rng(1)
    marked = np.zeros((60, 60, 3), np.uint8)
    marked[20:40, 25:45] = 255
    sample = Sample(marked, (marked[..., 0] > 0).astype(np.uint16))
    for _ in range(20):
        moved = jitter(sample, 48, AugmentConfig(fit=0), random)
        painted = moved.image[..., 0] > 127
        agreement = (painted == (moved.labels > 0)) | (moved.image == (124, 116, 104)).all(2)
        assert agreement.mean() > 0.97


def test_a_pasted_object_brings_its_pixels_and_a_label_of_its_own():
    source = Sample(np.full((32, 32, 3), 200, np.uint8), np.zeros((32, 32), np.uint16))
    source.labels[10:20, 10:20] = 7
    onto = Sample(np.zeros((32, 32, 3), np.uint8), np.ones((32, 32), np.uint16))
    pasted = paste(source, onto, np.random.default_rng(3))
    assert pasted.object_ids == [1, 2]
    assert np.median(pasted.image[pasted.mask(2)]) == 200
    assert onto.image.max() == 0


def test_augmenting_leaves_the_sample_as_it_was():
    before = SETS["drawn"][0].image.copy()
    augment(SETS["drawn"][0], SETS["drawn"][1], 48, AugmentConfig(), np.random.default_rng(0))
    assert (SETS["drawn"][0].image == before).all()


def test_a_turned_photo_and_its_labels_turn_together():
    image = np.full((60, 60, 3), 200, np.uint8)
    labels = np.zeros((60, 60), np.uint16)
    labels[20:40, 10:50], image[20:40, 10:50] = 7, 20
    turn = rotated(Sample(image, labels), AugmentConfig(turn=1), np.random.default_rng(0))
    assert set(np.unique(turn.labels)) == {0, 7}
    assert not np.array_equal(turn.labels, labels)
    assert abs((turn.labels == 7).sum() - 800) < 40
    assert (turn.image[turn.labels == 7].mean(axis=1) < 110).mean() > 0.95


def test_what_is_beside_a_photo_keeps_the_mean_colour_whatever_the_photo_s_colours_become():
    sample = Sample(np.full((20, 40, 3), 90, np.uint8), np.ones((20, 40), np.uint16))
    config = AugmentConfig(fit=1, turn=0, paste=0, colour=1, gray=0, blur=0)
    changed = augment(sample, sample, 40, config, np.random.default_rng(1))
    assert (changed.image[20:] == (124, 116, 104)).all()
    assert (changed.image[:20] != 90).any()
