"""Losses that hold a student to its teacher: to its features, its masks and its scores."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from hqsam.model.config import ModelConfig
from hqsam.training.distil.answers import TaughtMasks
from hqsam.training.losses import overlap_losses


class FeatureProjection(nn.Module):
    """Linear map from a student's image embedding to its teacher's; it is trained along and then dropped.

    Embeddings of one width are compared as they are, so that the student's become the teacher's own.
    """

    def __init__(self, student: ModelConfig, teacher: ModelConfig) -> None:
        super().__init__()
        same = student.width == teacher.width
        self.layer = nn.Identity() if same else nn.Conv2d(student.width, teacher.width, 1)

    def forward(
        self,
        final: Float[Tensor, "image channel height width"],
        taught: Float[Tensor, "image taught_channel taught_height taught_width"],
    ) -> Float[Tensor, ""]:
        """Return the mean squared error as a share of the variance of each teacher's embedding: 1 for a student that
        knows its mean alone, 0 for its equal. Where the grids differ, the teacher's is resized to the student's."""
        target = resized_map(taught.float(), final.shape[-1])
        error = (self.layer(final).float() - target).square().mean(dim=(1, 2, 3))
        return (error / target.var(dim=(1, 2, 3)).clamp(min=1e-6)).mean()


def taught_losses(
    logits: Float[Tensor, "prompt mask height width"],
    scores: Float[Tensor, "prompt mask"],
    taught: TaughtMasks,
) -> tuple[Float[Tensor, ""], Float[Tensor, "prompt mask height width"]]:
    """Return the loss of a student's masks and scores, and the teacher's masks at their size.

    Mask 0 counts as much as the candidates together. Each mask learns from the teacher's of the same number, so that a
    student's candidates mean what its teacher's mean; of models with other numbers of candidates, the first.
    """
    count = min(logits.shape[1], taught.inside.shape[1])
    target = resized_map(taught.inside[:, :count].float() / 255, logits.shape[-1])
    losses = overlap_losses(logits[:, :count].flatten(0, 1)[:, None], target.flatten(0, 1)).view(-1, count)
    mask_loss = losses[:, 0].mean() + losses[:, 1:].mean()
    score_loss = (scores[:, :count].float() - taught.scores[:, :count].float()).square().mean()
    return mask_loss + score_loss, target


def resized_map(values: Float[Tensor, "row channel height width"], size: int) -> Float[Tensor, "row channel _ _"]:
    """Return square maps at another size: means of areas where it is smaller, bilinear where it is larger."""
    own = values.shape[-1]
    if size == own:
        return values
    if size < own:
        return F.adaptive_avg_pool2d(values, size)
    return F.interpolate(values, (size, size), mode="bilinear", align_corners=False)


def agreement(
    logits: Float[Tensor, "prompt mask height width"], target: Float[Tensor, "prompt taught height width"]
) -> Float[Tensor, "prompt taught"]:
    """Return the IoU of each mask with the teacher's of the same number."""
    predicted, true = logits[:, : target.shape[1]] > 0, target > 0.5
    shared, either = (predicted & true).sum(dim=(2, 3)), (predicted | true).sum(dim=(2, 3))
    return torch.where(either > 0, shared / either.clamp(min=1), 1.0)
