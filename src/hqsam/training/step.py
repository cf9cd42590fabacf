"""Loss of one training step. Callers own precision, gradients, the optimiser and the random numbers."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from hqsam.data.loader import Batch
from hqsam.data.prompting import correction
from hqsam.model.features import ImageFeatures
from hqsam.model.hq_sam import HQSam
from hqsam.model.mask_decoder import MaskInputs
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.prompts import BOX_END
from hqsam.training.config import Trainable
from hqsam.training.distil.answers import TaughtMasks
from hqsam.training.distil.losses import agreement, taught_losses
from hqsam.training.losses import overlap_losses, score_losses, true_iou, uncertain_point_losses
from hqsam.training.prompt_rng import PromptRng

Metrics = dict[str, Tensor]
"""Scalar tensors by name."""


def training_loss(
    model: HQSam,
    features: ImageFeatures,
    batch: Batch,
    *,
    trainable: Trainable,
    rounds: int,
    rng: PromptRng,
    sum_loss: float = 0.0,
    taught: TaughtMasks | None = None,
) -> tuple[Tensor, Metrics]:
    """Compute the loss of a batch, and how well its prompts were answered.

    Prompts come in rounds: each round after the first adds a click into what was wrong, and often the answer as mask
    prompt (SAM, appendix A). The paper has one round.

    Args:
        model: the model.
        features: the batch's encoded images.
        batch: prompts and true masks.
        trainable: the parts that are trained, which decide what is in the loss.
        rounds: rounds of prompts.
        rng: random numbers of the batch's prompts.
        sum_loss: weight of the loss of the HQ mask's sum with SAM's, beside that of the HQ mask alone.
        taught: a teacher's masks for the first round's prompts, all of which SAM's part then learns.
    """
    hq_features = None if trainable == "sam" else model.hq_features(features)
    loss, metrics = torch.zeros((), device=batch.points.device), dict[str, Tensor]()
    for group in _groups(batch, rng, taught, apart=model.config.pad_boxes):
        of_group = None if hq_features is None else group.per_prompt(hq_features)
        context = ImageContext(model, features.map(group.per_prompt), of_group, sum_loss)
        share = len(group.prompts) / len(rng)
        for number in range(rounds):
            answer = _answer(context, group, trainable)
            loss = loss + share / rounds * answer.loss
            for name, value in answer.metrics.items():
                metrics[f"{name}_{number}"] = share * value + metrics.get(f"{name}_{number}", 0)
            if number + 1 < rounds:
                corrected = with_corrections(group, answer.logits, model.config.stride // 4)
                group = replace(group, prompts=corrected, taught=None)
    return loss, metrics


@dataclass(frozen=True)
class PromptGroup:
    """Prompts of one shape, which are decoded together, with the masks that would be right."""

    prompts: PromptBatch
    truth: Float[Tensor, "prompt height width"]
    """Share of each pixel that is covered, 0 to 1."""
    rng: PromptRng
    images: Tensor | None
    """Number of each prompt's image; None: as many prompts for each image, in order."""
    taught: TaughtMasks | None = None
    """A teacher's masks for these prompts, where there is one."""

    def per_prompt(self, rows: Tensor) -> Tensor:
        """Return rows of images as rows of prompts, or as they are where the decoder does that itself."""
        return rows if self.images is None else rows[self.images]

    def truth_at(self, size: int) -> Float[Tensor, "prompt height width"]:
        """Return the true masks where logits have `size` pixels a side."""
        return self.truth if self.truth.shape[-1] == size else F.adaptive_avg_pool2d(self.truth, size)


class ImageContext(NamedTuple):
    """A model and its encoded images, for one group of prompts."""

    model: HQSam
    features: ImageFeatures
    hq_features: Tensor | None
    sum_loss: float

    def mask_inputs(self, prompts: PromptBatch, with_hq: bool) -> MaskInputs:
        """Run the decoder up to the masks."""
        return self.model.run_decoder(self.features, prompts, with_hq)


class _Answer(NamedTuple):
    loss: Tensor
    logits: Float[Tensor, "prompt height width"]
    """Masks that the next round corrects."""
    metrics: Metrics


def _answer(context: ImageContext, group: PromptGroup, trainable: Trainable) -> _Answer:
    with_hq = trainable != "sam" and context.model.hq is not None
    mask_inputs = context.mask_inputs(group.prompts, with_hq)
    if trainable == "iou":
        return _by_scores(context, mask_inputs, group)
    if not with_hq:
        return _by_sam(context.model, mask_inputs, group)
    answer = _by_hq(context, mask_inputs, group)
    if trainable == "hq":
        return answer
    # Where SAM's weights are trained, its own masks are held to the truth as well, or they would drift.
    sam = _by_sam(context.model, mask_inputs, group)
    return _Answer(answer.loss + sam.loss, answer.logits, sam.metrics | answer.metrics)


def _by_sam(model: HQSam, mask_inputs: MaskInputs, group: PromptGroup) -> _Answer:
    """Compute SAM's own loss: cross entropy, Dice, and the error of the IoU that it predicts of itself."""
    logits = model.mask_decoder.masks(mask_inputs, 0, model.config.decoder.candidates).float()
    truth = group.truth_at(logits.shape[-1])
    if group.taught is not None:
        return _by_teacher(logits, mask_inputs.iou_predictions, group.taught)
    losses, iou = overlap_losses(logits, truth), true_iou(logits.detach(), truth)
    # Mask 0 answers clear prompts; of the candidates only the best learns, so that they come to differ.
    mask_loss = losses[:, 0].mean() + losses[:, 1:].amin(dim=1).mean()
    iou_loss = (mask_inputs.iou_predictions.float() - iou).square().mean()
    metrics = {"iou": iou[:, 0].mean(), "best_iou": iou[:, 1:].amax(dim=1).mean()}
    return _Answer(mask_loss + iou_loss, logits[:, 0].detach(), metrics)


def _by_scores(context: ImageContext, mask_inputs: MaskInputs, group: PromptGroup) -> _Answer:
    """Compute the loss of the predicted IoUs alone. The masks are as they are: with an HQ part, its sums with SAM's."""
    model = context.model
    with torch.no_grad():
        logits = model.mask_decoder.masks(mask_inputs, 0, model.config.decoder.candidates).float()
        if model.hq is not None:
            logits = logits + model.hq_masks(mask_inputs, context.hq_features).float()
        iou = true_iou(logits, group.truth_at(logits.shape[-1]))
    scores = mask_inputs.iou_predictions.float()
    chosen = iou[:, 1:].gather(1, scores[:, 1:].argmax(dim=1, keepdim=True))
    metrics = {
        "chosen_iou": chosen.mean(),
        "best_iou": iou[:, 1:].amax(dim=1).mean(),
        "iou_error": (scores.detach() - iou).abs().mean(),
    }
    return _Answer(score_losses(scores, iou).mean(), logits[:, 0], metrics)


def _by_teacher(logits: Tensor, scores: Tensor, taught: TaughtMasks) -> _Answer:
    """Compute the loss of SAM's masks and scores beside a teacher's."""
    loss, target = taught_losses(logits, scores, taught)
    iou = agreement(logits.detach(), target)
    return _Answer(loss, logits[:, 0].detach(), {"iou": iou[:, 0].mean(), "best_iou": iou[:, 1:].mean()})


def _by_hq(context: ImageContext, mask_inputs: MaskInputs, group: PromptGroup) -> _Answer:
    """Compute HQ-SAM's loss (paper, section 3.3): that of the HQ mask; and that of the sum with SAM's, if asked."""
    truth = group.truth[:, None]
    logits = context.model.hq_masks(mask_inputs, context.hq_features).float()
    loss = uncertain_point_losses(logits, truth, group.rng.points)
    with torch.no_grad():
        sam_logits = context.model.mask_decoder.masks(mask_inputs, 0, 0).float()
        three = torch.cat([sam_logits, logits, sam_logits + logits], dim=1)
        iou = true_iou(three, group.truth_at(logits.shape[-1])).mean(dim=0)
    if context.sum_loss:
        loss = loss + context.sum_loss * uncertain_point_losses(sam_logits + logits, truth, group.rng.points)
    shown = three[:, 2] if context.sum_loss else logits[:, 0].detach()
    return _Answer(loss, shown, {"sam_iou": iou[0], "hq_iou": iou[1], "sum_iou": iou[2]})


def _groups(batch: Batch, rng: PromptRng, taught: TaughtMasks | None, apart: bool) -> Iterator[PromptGroup]:
    """Group the prompts by their number of tokens, because SAM was never shown tokens that mean nothing.

    `apart`: boxes and clicks are in groups of their own, since boxes get a padding point more.
    """
    if batch.has_mask is not None and not batch.has_mask.any():
        batch = batch._replace(mask_prompt=None, has_mask=None)
    tokens = batch.tokens.flatten()
    truth = batch.truth.flatten(0, 1)
    points, labels = batch.points.flatten(0, 1), batch.labels.flatten(0, 1)
    masks = None if batch.mask_prompt is None else batch.mask_prompt.flatten(0, 1)
    has_mask = None if batch.has_mask is None else batch.has_mask.flatten()
    is_box = (labels == BOX_END).any(dim=1) & apart
    for count, boxes in torch.stack([tokens, is_box.to(tokens.dtype)], dim=1).unique(dim=0).tolist():
        chosen = ((tokens == count) & (is_box == bool(boxes))).nonzero()[:, 0]
        one_form = len(chosen) == len(tokens)
        prompts = PromptBatch(
            points=points[chosen, :count],
            labels=labels[chosen, :count],
            mask_logits=None if masks is None else masks[chosen],
            has_mask=None if has_mask is None else has_mask[chosen],
        )
        yield PromptGroup(
            prompts=prompts,
            truth=truth[chosen].float() / 255,
            rng=rng.select(chosen.tolist()),
            images=None if one_form else chosen // batch.tokens.shape[1],
            taught=None if taught is None else taught.select(chosen),
        )


def with_corrections(
    group: PromptGroup, logits: Float[Tensor, "prompt height width"], stride: int, masked: float = 0.65
) -> PromptBatch:
    """Return the prompts with one click more, into what the answer got wrong, and often the answer as mask prompt.

    Args:
        group: the prompts that were answered.
        logits: the answers.
        stride: pixels of the model's image per logit.
        masked: how often the answer is given as mask prompt, 0 to 1.
    """
    prompts = group.prompts
    predicted, true = (logits > 0).cpu().numpy(), (group.truth_at(logits.shape[-1]) > 0.5).cpu().numpy()
    each = zip(true, predicted, group.rng.numpy, strict=True)
    clicks, labels = zip(*(_correct(*one) for one in each), strict=True)
    points = torch.as_tensor(np.stack(clicks), device=logits.device)[:, None] * stride + (stride - 1) / 2
    return PromptBatch(
        points=torch.cat([prompts.points, points], dim=1),
        labels=torch.cat([prompts.labels, prompts.labels.new_tensor(labels)[:, None]], dim=1),
        mask_logits=_as_given(logits, group.rng)[:, None],
        has_mask=torch.as_tensor(group.rng.uniform(0, 1) < masked, device=logits.device),
    )


def _correct(truth: np.ndarray, predicted: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, int]:
    if not truth.any():  # smaller than one logit
        return np.array([truth.shape[1] / 2, truth.shape[0] / 2], np.float32), 0
    return correction(truth, predicted, random)


def _as_given(logits: Tensor, rng: PromptRng) -> Tensor:
    """Return mask prompts as users give them: logits of this source or that, or a plain mask."""
    gain = torch.as_tensor(rng.uniform(0.7, 1.6), dtype=torch.float32, device=logits.device)
    plain = torch.as_tensor(rng.uniform(0, 1) < 0.15, device=logits.device)
    return torch.where(plain[:, None, None], 20 * (logits > 0) - 10.0, logits * gain[:, None, None])
