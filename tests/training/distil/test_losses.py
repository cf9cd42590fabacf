"""The losses of distillation: 0 or least for the teacher's equal, and of any pair of sizes."""

from dataclasses import replace

import pytest
import torch

from hqsam.training.distil.answers import TaughtMasks
from hqsam.training.distil.losses import FeatureProjection, agreement, resized_map, taught_losses
from tests.tiny import tiny_config


def test_features_of_the_teacher_s_width_are_compared_as_they_are():
    projection = FeatureProjection(tiny_config(), tiny_config("tiny_vit"))
    assert not list(projection.parameters())
    taught = torch.randn(3, 32, 8, 8)
    assert projection(taught, taught) == 0
    assert projection(taught.mean(dim=(1, 2, 3), keepdim=True).expand_as(taught), taught) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("grid", [4, 8, 16])
def test_a_projection_learns_features_of_another_width_and_grid(grid):
    torch.manual_seed(0)
    projection = FeatureProjection(replace(tiny_config(), width=16), tiny_config())
    final, mix = torch.randn(2, 16, 8, 8), torch.randn(32, 16)
    taught = resized_map(torch.einsum("oc,bchw->bohw", mix, final), grid)
    optimiser = torch.optim.Adam(projection.parameters(), 0.05)
    losses = []
    for _ in range(60):
        losses.append(projection(final, taught))
        optimiser.zero_grad()
        losses[-1].backward()
        optimiser.step()
    assert losses[-1] < 0.6 * losses[0]


def test_each_mask_learns_from_the_one_of_its_number():
    inside = torch.zeros(1, 4, 8, 8, dtype=torch.uint8)
    for number in range(4):
        inside[0, number, : 2 * number + 1] = 255
    taught = TaughtMasks(inside, torch.tensor([[0.9, 0.5, 0.6, 0.7]]))
    equal = 20 * (inside > 0).float() - 10
    loss, target = taught_losses(equal, taught.scores, taught)
    assert loss < 0.02 and torch.equal(target, inside / 255)
    swapped, _ = taught_losses(equal[:, [0, 2, 1, 3]], taught.scores, taught)
    misjudged, _ = taught_losses(equal, taught.scores - 0.5, taught)
    assert swapped > 0.3 and misjudged == pytest.approx(float(loss) + 0.25, abs=1e-5)
    assert agreement(equal, target).tolist() == [[1, 1, 1, 1]]
    assert agreement(equal[:, [0, 2, 1, 3]], target)[0, 1] == pytest.approx(3 / 5)


def test_masks_of_other_sizes_and_of_fewer_candidates_are_learnt_from():
    inside = torch.zeros(2, 4, 8, 8, dtype=torch.uint8)
    inside[:, :, :4] = 255
    for size in (4, 16):
        logits = torch.full((2, 2, size, size), -10.0)
        logits[:, :, : size // 2] = 10
        loss, target = taught_losses(logits, torch.ones(2, 2), TaughtMasks(inside, torch.ones(2, 4)))
        assert target.shape == logits.shape
        assert agreement(logits, target).tolist() == [[1, 1], [1, 1]]
        opposite, _ = taught_losses(-logits, torch.ones(2, 2), TaughtMasks(inside, torch.ones(2, 4)))
        assert loss < 0.4 * opposite
