"""One step's loss. Callers own precision, gradients, the optimiser and the source of randomness."""

from collections.abc import Iterator
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
from hqsam.training.config import Trains
from hqsam.training.losses import overlap_losses, true_iou, uncertain_point_losses
from hqsam.training.prompt_rng import PromptRng

Metrics = dict[str, Tensor]


def training_loss(
    model: HQSam, features: ImageFeatures, batch: Batch, trains: Trains, rounds: int, draws: PromptRng
) -> tuple[Tensor, Metrics]:
    """The loss of a batch, and how well its prompts were answered.

    Prompts come in rounds: each round after the first adds a click into what was wrong, and often the answer as mask
    prompt (SAM, appendix A). The paper has one round.
    """
    shared = None if trains == "sam" else model.hq_features(features)
    loss, metrics = torch.zeros((), device=features.final.device), dict[str, Tensor]()
    for asked in _groups(batch, draws):
        scene = ImageContext(
            model, asked.of_image(features.final), asked.of_image(features.early), asked.of_image(shared)
        )
        share = len(asked.prompts) / len(draws)
        for turn in range(rounds):
            answer = _answer(scene, asked, trains)
            loss = loss + share / rounds * answer.loss
            for name, value in answer.metrics.items():
                metrics[f"{name}_{turn}"] = share * value + metrics.get(f"{name}_{turn}", 0)
            if turn + 1 < rounds:
                asked = asked._replace(prompts=with_corrections(asked, answer.logits, model.config.stride // 4))
    return loss, metrics


class PromptGroup(NamedTuple):
    """Prompts that are alike in form, the masks they mean, and their randomness."""

    prompts: PromptBatch
    truth: Float[Tensor, "prompt height width"]
    """Share of each pixel that is covered."""
    draws: PromptRng
    images: Tensor | None
    """The image of each prompt; None: as many for each, in order."""

    def of_image(self, rows: Tensor | None) -> Tensor | None:
        return rows if rows is None or self.images is None else rows[self.images]

    def truth_at(self, size: int) -> Float[Tensor, "prompt height width"]:
        """The truth where logits have `size` pixels a side."""
        return self.truth if self.truth.shape[-1] == size else F.adaptive_avg_pool2d(self.truth, size)


class ImageContext(NamedTuple):
    model: HQSam
    final: Tensor | None
    early: Tensor | None
    shared: Tensor | None

    def decoding(self, prompts: PromptBatch, with_hq: bool) -> MaskInputs:
        assert self.final is not None and self.early is not None
        return self.model.run_decoder(ImageFeatures(self.final, self.early), prompts, with_hq)


class _Answer(NamedTuple):
    loss: Tensor
    logits: Float[Tensor, "prompt height width"]
    """What the next round corrects."""
    metrics: Metrics


def _answer(scene: ImageContext, asked: PromptGroup, trains: Trains) -> _Answer:
    if trains == "sam":
        return _by_sam(scene.model, scene.decoding(asked.prompts, with_hq=False), asked)
    decoding = scene.decoding(asked.prompts, with_hq=scene.model.hq is not None)
    if scene.model.hq is None:
        return _by_sam(scene.model, decoding, asked)
    answer = _by_hq(scene, decoding, asked)
    if trains == "hq":
        return answer
    # Where SAM's weights learn, its own masks are held to the truth as well, or they would drift.
    sam = _by_sam(scene.model, decoding, asked)
    return _Answer(answer.loss + sam.loss, answer.logits, sam.metrics | answer.metrics)


def _by_sam(model: HQSam, decoding: MaskInputs, asked: PromptGroup) -> _Answer:
    """SAM's own training: cross entropy, Dice, and the IoU that it predicts of itself."""
    logits = model.mask_decoder.masks(decoding, 0, model.config.decoder.candidates).float()
    truth = asked.truth_at(logits.shape[-1])
    losses, iou = overlap_losses(logits, truth), true_iou(logits.detach(), truth)
    # Mask 0 answers clear prompts; of the candidates only the best learns, so that they come to differ.
    mask_loss = losses[:, 0].mean() + losses[:, 1:].amin(dim=1).mean()
    metrics = {"iou": iou[:, 0].mean(), "best_iou": iou[:, 1:].amax(dim=1).mean()}
    return _Answer(mask_loss + (decoding.iou_predictions.float() - iou).square().mean(), logits[:, 0].detach(), metrics)


def _by_hq(scene: ImageContext, decoding: MaskInputs, asked: PromptGroup) -> _Answer:
    """HQ-SAM's training (paper, section 3.3): the loss on the HQ mask alone."""
    logits = scene.model.hq_masks(decoding, scene.shared).float()
    loss = uncertain_point_losses(logits, asked.truth[:, None], asked.draws.points)
    with torch.no_grad():
        sam_logits = scene.model.mask_decoder.masks(decoding, 0, 0).float()
        both = torch.cat([sam_logits, logits], dim=1)
        iou = true_iou(both, asked.truth_at(logits.shape[-1])).mean(dim=0)
    return _Answer(loss, logits[:, 0].detach(), {"sam_iou": iou[0], "hq_iou": iou[1]})


def _groups(batch: Batch, draws: PromptRng) -> Iterator[PromptGroup]:
    """The prompts by how many tokens they have, because SAM was never shown tokens that mean nothing."""
    if batch.has_mask is not None and not batch.has_mask.any():
        batch = batch._replace(mask_prompt=None, has_mask=None)
    tokens = batch.tokens.flatten()
    truth = batch.truth.flatten(0, 1)
    points, labels = batch.points.flatten(0, 1), batch.labels.flatten(0, 1)
    masks = None if batch.mask_prompt is None else batch.mask_prompt.flatten(0, 1)
    has_mask = None if batch.has_mask is None else batch.has_mask.flatten()
    for count in tokens.unique().tolist():
        chosen = (tokens == count).nonzero()[:, 0]
        one_form = len(chosen) == len(tokens)
        prompts = PromptBatch(
            points[chosen, :count],
            labels[chosen, :count],
            None if masks is None else masks[chosen],
            None if has_mask is None else has_mask[chosen],
        )
        images = None if one_form else chosen // batch.tokens.shape[1]
        yield PromptGroup(prompts, truth[chosen].float() / 255, draws.select(chosen.tolist()), images)


def with_corrections(
    asked: PromptGroup, logits: Float[Tensor, "prompt height width"], stride: int, masked: float = 0.65
) -> PromptBatch:
    """The same prompts with one click more, into what the answer got wrong, and often the answer as mask prompt."""
    prompts = asked.prompts
    predicted, true = (logits > 0).cpu().numpy(), (asked.truth_at(logits.shape[-1]) > 0.5).cpu().numpy()
    given = zip(true, predicted, asked.draws.numpy, strict=True)
    clicks, labels = zip(*(_correct(*each) for each in given), strict=True)
    points = torch.as_tensor(np.stack(clicks), device=logits.device)[:, None] * stride + (stride - 1) / 2
    return PromptBatch(
        points=torch.cat([prompts.points, points], dim=1),
        labels=torch.cat([prompts.labels, prompts.labels.new_tensor(labels)[:, None]], dim=1),
        mask_logits=_as_given(logits, asked.draws)[:, None],
        has_mask=torch.as_tensor(asked.draws.uniform(0, 1) < masked, device=logits.device),
    )


def _correct(truth: np.ndarray, predicted: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, int]:
    if not truth.any():  # smaller than one logit
        return np.array([truth.shape[1] / 2, truth.shape[0] / 2], np.float32), 0
    return correction(truth, predicted, random)


def _as_given(logits: Tensor, draws: PromptRng) -> Tensor:
    """A mask prompt as users give it: logits of this source or that, or a plain mask."""
    gain = torch.as_tensor(draws.uniform(0.7, 1.6), dtype=torch.float32, device=logits.device)
    plain = torch.as_tensor(draws.uniform(0, 1) < 0.15, device=logits.device)
    return torch.where(plain[:, None, None], 20 * (logits > 0) - 10.0, logits * gain[:, None, None])
