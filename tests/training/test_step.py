"""A step's loss: the official one, whatever shares a batch, with every prompt as SAM knows it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.plain_step import plain_loss
from hqsam.data.loader import Batch, PromptedDataset
from hqsam.training.encoding import frozen_encoder, normalised
from hqsam.training.losses import uncertain_points
from hqsam.training.prompt_rng import PromptRng
from hqsam.training.recipes.paper import PAPER_SAMPLING
from hqsam.training.step import training_loss
from tests.tiny import tiny_model
from tests.training.small import drawn, size_of_tests

SAMPLING = replace(PAPER_SAMPLING, batch_size=9, size=size_of_tests())
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def batch() -> Batch:
    """Nine objects, asked about by box, by ten clicks and by noisy mask."""
    return PromptedDataset(drawn(9).training, SAMPLING, 3)[range(9)]


def loss_of(model, batch, rows=None, trainable="hq", rounds=1, sum_loss=0.0):
    rows = list(range(len(batch.images)) if rows is None else rows)
    some = Batch(*(part[rows] for part in batch))
    with torch.no_grad():
        features = model.encode_image(normalised(some.images, model))
    rng = PromptRng.for_rows(0, rows, some.tokens.shape[1], CPU)
    return training_loss(model, features, some, trainable=trainable, rounds=rounds, rng=rng, sum_loss=sum_loss)


@pytest.mark.parametrize("kind", ["vit", "tiny_vit"])
def test_a_step_of_all_prompts_at_once_equals_the_plain_one_of_each_by_itself(batch, kind):
    model = tiny_model(kind)
    assert set(batch.tokens.flatten().tolist()) == {0, 2, 11}
    rng = PromptRng.for_rows(0, range(9), 1, CPU)
    loss, _ = loss_of(model, batch)
    torch.testing.assert_close(loss, plain_loss(model, batch, rng.points), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("trainable", ["hq", "decoder"])
def test_the_gradient_is_that_of_the_parts(batch, trainable):
    model = tiny_model()
    model.hq.requires_grad_(True)

    def gradient(rows):
        model.zero_grad()
        sum(len(part) / 9 * loss_of(model, batch, part, trainable)[0] for part in rows).backward()
        return model.hq.token.grad.clone()

    torch.testing.assert_close(gradient([range(9)]), gradient([range(2), range(2, 9)]), rtol=1e-4, atol=1e-7)


def test_metrics_are_means_over_all_prompts(batch):
    model = tiny_model()
    _, whole = loss_of(model, batch)
    singly = [loss_of(model, batch, [row])[1] for row in range(9)]
    for name, value in whole.items():
        assert float(value) == pytest.approx(np.mean([float(each[name]) for each in singly]), abs=1e-5)


def test_the_sum_s_loss_is_that_of_both_masks_added_and_teaches_the_hq_part_alone(batch):
    model = tiny_model()
    model.requires_grad_(False)
    model.hq.requires_grad_(True)
    alone, _ = loss_of(model, batch)
    halves = [loss_of(model, batch, sum_loss=weight)[0] - alone for weight in (1.0, 0.5)]
    assert halves[0].item() > 0
    torch.testing.assert_close(halves[0], 2 * halves[1])
    halves[0].backward()
    assert model.hq.token.grad.abs().sum() > 0
    assert all(weight.grad is None for part in model.sam_parts() for weight in part.parameters())


def test_a_step_says_how_good_both_masks_and_their_sum_are(batch):
    model = tiny_model()
    _, metrics = loss_of(model, batch)
    assert all(0 <= value <= 1 for value in metrics.values())
    assert set(metrics) == {"hq_iou_0", "sam_iou_0", "sum_iou_0"}


def test_rounds_of_corrections_ask_again(batch):
    clicks = PromptedDataset(drawn(4).training, replace(SAMPLING, prompts="clicks", batch_size=4), 1)[range(4)]
    clicks = Batch(*(part for part in clicks if part is not None))
    model = tiny_model()
    with torch.no_grad():
        features = model.encode_image(normalised(clicks.images, model))
    _, metrics = training_loss(
        model, features, clicks, trainable="sam", rounds=3, rng=PromptRng.for_rows(0, range(4), 1, CPU)
    )
    assert {name for name in metrics if name.startswith("iou")} == {"iou_0", "iou_1", "iou_2"}


def test_each_prompt_draws_its_own_whatever_it_is_drawn_with():
    many, few = PromptRng.for_rows(5, range(4), 2, CPU), PromptRng.for_rows(5, [2], 2, CPU)
    assert torch.equal(many.points(7)[4:6], few.points(7))
    some = PromptRng.for_rows(5, range(4), 2, CPU).select([5])
    assert torch.equal(some.points(7)[0], PromptRng.for_rows(5, [2], 2, CPU).points(7)[1])
    assert not torch.equal(*PromptRng.for_rows(5, [2], 2, CPU).points(7))
    assert np.array_equal(many.uniform(0, 1)[4:6], few.uniform(0, 1))


def test_uncertain_points_are_the_least_sure_of_three_times_as_many_and_a_quarter_afresh():
    logits = torch.arange(64.0).view(1, 1, 8, 8) - 20
    drawn_points = torch.rand(1, 48, 2, generator=torch.Generator().manual_seed(0))
    fresh = torch.full((1, 4, 2), 0.5)
    found = uncertain_points(logits, 16, lambda count: {48: drawn_points, 4: fresh}[count])
    values = torch.nn.functional.grid_sample(logits, 2 * drawn_points[:, :, None] - 1, align_corners=False)
    best = drawn_points[0, values.flatten().abs().argsort()[:12]]
    assert {tuple(p) for p in found[0, :12].tolist()} == {tuple(p) for p in best.tolist()}
    assert torch.equal(found[0, 12:], fresh[0])


@pytest.mark.parametrize("kind", ["vit", "tiny_vit"])
def test_the_frozen_encoder_says_what_the_model_s_own_does(batch, kind):
    model = tiny_model(kind)
    with torch.no_grad():
        for module in model.modules():  # batch norms that do something
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 2)
                module.bias.normal_(0, 0.2)
        expected = model.encode_image(normalised(batch.images, model))
    found = frozen_encoder(model, torch.float32)(batch.images)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
