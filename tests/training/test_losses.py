"""The losses, against values worked out from their definitions."""

import math

import torch
from torch.nn import functional as F

from hqsam.training.losses import (
    overlap_losses,
    sample_at,
    score_losses,
    true_iou,
    uncertain_point_losses,
    uncertain_points,
)


def test_focal_loss_and_dice_of_undecided_logits():
    logits, truth = torch.zeros(1, 1, 2, 2), torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
    dice = 1 - (2 * 0.5 + 1) / (2 + 1 + 1)  # 0.5 of the one pixel is shared; four halves and one whole are covered
    assert math.isclose(overlap_losses(logits, truth).item(), math.log(2) * 1 / (1 + 1) + dice, rel_tol=1e-6)


def test_a_perfect_mask_costs_nothing():
    truth = (torch.rand(3, 8, 8) > 0.5).float()
    assert overlap_losses(100 * (2 * truth - 1)[:, None], truth).max() < 1e-6


def test_the_true_iou_counts_pixels():
    logits = torch.tensor([[[[1.0, 1.0], [-1.0, -1.0]]]])
    truth = torch.tensor([[[1.0, 0.2], [0.8, 0.0]]])
    assert math.isclose(true_iou(logits, truth).item(), 1 / 3, rel_tol=1e-6)


def test_an_empty_prediction_of_an_empty_truth_has_no_overlap_and_no_nan():
    assert true_iou(-torch.ones(1, 1, 2, 2), torch.zeros(1, 2, 2)).item() == 0


def test_predicted_ious_are_held_to_the_value_and_to_the_order():
    iou = torch.tensor([[0.5, 0.9, 0.6, 0.6]])
    exact, swapped = score_losses(iou, iou), score_losses(torch.tensor([[0.5, 0.6, 0.9, 0.6]]), iou)
    ahead = 2 * 0.3 * math.log1p(math.exp(-0.3 / 0.05))  # the first candidate beside the second and the third
    assert math.isclose(exact.item(), ahead, rel_tol=1e-5)
    behind = 0.3 * (math.log1p(math.exp(0.3 / 0.05)) + math.log(2))
    assert math.isclose(swapped.item(), 2 * 0.3**2 / 4 + behind, rel_tol=1e-5)


def test_mask_0_is_no_candidate_and_equal_ones_have_no_order():
    iou = torch.tensor([[0.9, 0.4, 0.4, 0.4]])
    loss = score_losses(torch.tensor([[0.9, 0.7, 0.4, 0.1]]), iou)
    assert math.isclose(loss.item(), 2 * 0.3**2 / 4, rel_tol=1e-5)


def test_points_are_sampled_at_pixel_centres():
    grid = torch.arange(6.0).view(1, 1, 2, 3)
    centres = torch.tensor([[[0.5 / 3, 0.25], [2.5 / 3, 0.75], [0.5, 0.5]]])
    assert torch.allclose(sample_at(grid, centres), torch.tensor([[0.0, 5.0, 2.5]]), atol=1e-6)


def test_three_quarters_of_the_points_are_where_the_mask_is_least_sure():
    torch.manual_seed(0)
    logits = torch.full((1, 1, 16, 16), 9.0)
    logits[..., :4] = 0.1  # a quarter of the image
    points = uncertain_points(logits, 400, lambda count: torch.rand(1, count, 2))
    assert points.shape == (1, 400, 2)
    # 1200 were drawn, so some 300 fell into the unsure quarter: all 300 uncertain points are from there.
    assert (points[0, :300, 0] < 0.26).float().mean() > 0.9
    assert 0.1 < (points[0, 300:, 0] < 0.25).float().mean() < 0.4


def test_the_hq_loss_is_cross_entropy_plus_dice_over_the_points(monkeypatch):
    points = 64
    middle = torch.full((2, points, 2), 0.5)
    monkeypatch.setattr("hqsam.training.losses.uncertain_points", lambda logits, points, draw: middle)
    cross_entropy = F.softplus(torch.tensor(-0.3)).item()
    inside = torch.tensor(0.3).sigmoid().item() * points
    dice = 1 - (2 * inside + 1) / (inside + points + 1)
    loss = uncertain_point_losses(torch.full((2, 1, 8, 8), 0.3), torch.ones(2, 1, 8, 8), torch.rand, points)
    assert math.isclose(loss.item(), cross_entropy + dice, rel_tol=1e-5)
