"""Losses of masks."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def overlap_losses(
    logits: Float[Tensor, "prompt mask height width"], truth: Float[Tensor, "prompt height width"]
) -> Float[Tensor, "prompt mask"]:
    """Return normalised focal loss plus Dice of each mask; `truth` is the share of each pixel that is covered, 0 to 1.

    The weights of the focal loss (Lin et al., 2017), here (inside - truth)^2, sum to 1 over a mask, so that the few
    pixels that are still wrong count as much as many do at first (Sofiiuk et al., 2019).
    """
    target = truth[:, None].expand_as(logits)
    inside = logits.sigmoid()
    weights = (inside - target).detach().square()
    cross_entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    focal = (weights * cross_entropy).sum(dim=(2, 3)) / (weights.sum(dim=(2, 3)) + 1)
    shared = (inside * target).sum(dim=(2, 3))
    dice = 1 - (2 * shared + 1) / (inside.sum(dim=(2, 3)) + target.sum(dim=(2, 3)) + 1)
    return focal + dice


def true_iou(
    logits: Float[Tensor, "prompt mask height width"], truth: Float[Tensor, "prompt height width"]
) -> Float[Tensor, "prompt mask"]:
    """Return the IoU of each mask with the true one, which the IoU head is trained to predict."""
    predicted, target = logits > 0, (truth > 0.5)[:, None]
    shared, either = (predicted & target).sum(dim=(2, 3)), (predicted | target).sum(dim=(2, 3))
    return shared / either.clamp(min=1)


_SURE = 0.05
"""Difference of two predicted IoUs from which their order is all but decided."""


def score_losses(predicted: Float[Tensor, "prompt mask"], iou: Float[Tensor, "prompt mask"]) -> Float[Tensor, "prompt"]:
    """Return the loss of each prompt's predicted IoUs: their squared errors, and the order of the candidates.

    Of each two candidates (all masks but mask 0) the better one should have the higher prediction (RankNet, Burges et
    al., 2005), and counts by how much better it is: a wrong choice between equals costs nothing.

    Args:
        predicted: predicted IoUs of mask 0 and of the candidates.
        iou: their IoUs with the true mask, 0 to 1.
    """
    value = (predicted - iou).square().mean(dim=1)
    better = (iou[:, 1:, None] - iou[:, None, 1:]).clamp(min=0)
    ahead = predicted[:, 1:, None] - predicted[:, None, 1:]
    order = (better * F.softplus(-ahead / _SURE)).sum(dim=(1, 2))
    return value + order


POINTS = 112 * 112
"""Number of points of a mask at which the HQ loss is taken (official training)."""

Draw = Callable[[int], Tensor]
"""Function that draws a number of points for each prompt, [prompt, point, 2], evenly in the unit square."""


def uncertain_point_losses(
    logits: Float[Tensor, "prompt 1 height width"],
    truth: Float[Tensor, "prompt 1 true_height true_width"],
    draw: Draw,
    points: int = POINTS,
) -> Float[Tensor, ""]:
    """Return HQ-SAM's loss: cross entropy plus Dice at points, mostly where the mask is least sure (PointRend).

    Of three times as many random points the three quarters of `points` with the logits nearest 0 are kept,
    and a quarter is drawn again.

    Args:
        logits: the HQ masks.
        truth: share of each pixel that is covered, 0 to 1; of any resolution.
        draw: draws the points.
        points: how many.
    """
    where = uncertain_points(logits.detach(), points, draw)
    at_points = sample_at(logits, where)
    with torch.no_grad():
        wanted = sample_at(truth, where)
    cross_entropy = F.binary_cross_entropy_with_logits(at_points, wanted, reduction="none").mean(dim=1)
    inside = at_points.sigmoid()
    dice = 1 - (2 * (inside * wanted).sum(dim=1) + 1) / (inside.sum(dim=1) + wanted.sum(dim=1) + 1)
    return (cross_entropy + dice).mean()


def uncertain_points(
    logits: Float[Tensor, "prompt 1 height width"], points: int, draw: Draw, oversample: int = 3, share: float = 0.75
) -> Float[Tensor, "prompt point 2"]:
    """Return points x, y in [0, 1], most of them where the logits are nearest 0."""
    drawn = draw(points * oversample)
    kept = int(points * share)
    surest_last = sample_at(logits, drawn).abs().topk(kept, dim=1, largest=False, sorted=False).indices
    uncertain = drawn.gather(1, surest_last[..., None].expand(-1, -1, 2))
    return torch.cat([uncertain, draw(points - kept)], dim=1)


def sample_at(
    grid: Float[Tensor, "prompt 1 height width"], points: Float[Tensor, "prompt point 2"]
) -> Float[Tensor, "prompt point"]:
    """Return bilinear values of each grid at points x, y in [0, 1]."""
    return F.grid_sample(grid, 2 * points[:, :, None] - 1, align_corners=False)[:, 0, :, 0]
