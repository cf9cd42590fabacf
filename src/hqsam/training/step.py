"""One step's loss. Callers own precision, gradients and the optimiser."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hqsam.data.loader import Batch
from hqsam.data.prompting import correction
from hqsam.model.hq_sam import HQSam
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.training.losses import overlap_losses, true_iou, uncertain_point_losses

Metrics = dict[str, Tensor]


def normalised(images: Tensor, model: HQSam) -> Float[Tensor, "image 3 height width"]:
    """uint8 images, channels last, to what the encoder takes."""
    config = model.config
    mean, deviation = (
        images.new_tensor(values, dtype=torch.float32) for values in (config.pixel_mean, config.pixel_std)
    )
    return ((images.float() - mean) / deviation).permute(0, 3, 1, 2)


def sam_loss(model: HQSam, batch: Batch, rounds: int, random: np.random.Generator) -> tuple[Tensor, Metrics]:
    """SAM's own training (SAM, appendix A): a prompt, then clicks into what was wrong, the answer as mask prompt."""
    features = model.encode_image(normalised(batch.images, model))
    prompts, truth = _prompts_of(batch), _truth_of(batch)
    total, metrics = torch.zeros(()), {}
    for turn in range(rounds):
        decoding = model.run_decoder(features, prompts, with_hq=False)
        logits = model.mask_decoder.masks(decoding, 0, model.config.decoder.candidates).float()
        losses, iou = overlap_losses(logits, truth), true_iou(logits.detach(), truth)
        # Mask 0 answers clear prompts; of the candidates only the best learns, so that they come to differ.
        mask_loss = losses[:, 0].mean() + losses[:, 1:].amin(dim=1).mean()
        total = total + mask_loss + (decoding.iou.float() - iou).square().mean()
        metrics |= {f"iou_{turn}": iou[:, 0].mean(), f"best_iou_{turn}": iou[:, 1:].amax(dim=1).mean()}
        if turn + 1 < rounds:
            prompts = with_corrections(prompts, logits[:, 0].detach(), truth, model.config.stride // 4, random)
    return total / rounds, metrics


def hq_loss(model: HQSam, batch: Batch, rounds: int, random: np.random.Generator) -> tuple[Tensor, Metrics]:
    """HQ-SAM's training (paper, section 3.3): SAM frozen, the loss on the HQ mask alone."""
    with torch.no_grad():
        features = model.encode_image(normalised(batch.images, model))
    prompts, truth = _prompts_of(batch), _truth_of(batch)
    shared = model.hq_features(features)
    total, metrics = torch.zeros(()), {}
    for turn in range(rounds):
        decoding = model.run_decoder(features, prompts, with_hq=True)
        logits = model.hq_masks(decoding, shared).float()
        total = total + uncertain_point_losses(logits, truth[:, None])
        with torch.no_grad():
            sam_logits = model.mask_decoder.masks(decoding, 0, 0).float()
        both = true_iou(torch.cat([sam_logits, logits.detach()], dim=1), truth).mean(dim=0)
        metrics |= {f"sam_iou_{turn}": both[0], f"hq_iou_{turn}": both[1]}
        if turn + 1 < rounds:
            prompts = with_corrections(prompts, logits[:, 0].detach(), truth, model.config.stride // 4, random)
    return total / rounds, metrics


def with_corrections(
    prompts: PromptBatch,
    logits: Float[Tensor, "prompt height width"],
    truth: Float[Tensor, "prompt height width"],
    stride: int,
    random: np.random.Generator,
    masked: float = 0.65,
) -> PromptBatch:
    """The same prompts with one click more, into what the answer got wrong, and often the answer as mask prompt."""
    predicted, true = (logits > 0).cpu().numpy(), (truth > 0.5).cpu().numpy()
    clicks, labels = zip(*(_correct(*pair, random) for pair in zip(true, predicted, strict=True)), strict=True)
    points = torch.as_tensor(np.stack(clicks), device=logits.device)[:, None] * stride + (stride - 1) / 2
    return PromptBatch(
        points=torch.cat([prompts.points, points], dim=1),
        labels=torch.cat([prompts.labels, prompts.labels.new_tensor(labels)[:, None]], dim=1),
        mask_logits=_as_given(logits, random)[:, None],
        has_mask=torch.as_tensor(random.random(len(logits)) < masked, device=logits.device),
    )


def _correct(truth: np.ndarray, predicted: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, int]:
    if not truth.any():  # smaller than one logit
        return np.array([truth.shape[1] / 2, truth.shape[0] / 2], np.float32), 0
    return correction(truth, predicted, random)


def _as_given(logits: Tensor, random: np.random.Generator) -> Tensor:
    """A mask prompt as users give it: logits of this source or that, or a plain mask."""
    gain = torch.as_tensor(random.uniform(0.7, 1.6, len(logits)), dtype=torch.float32, device=logits.device)
    plain = torch.as_tensor(random.random(len(logits)) < 0.15, device=logits.device)
    return torch.where(plain[:, None, None], 20 * (logits > 0) - 10.0, logits * gain[:, None, None])


def _prompts_of(batch: Batch) -> PromptBatch:
    return PromptBatch(batch.points.flatten(0, 1), batch.labels.flatten(0, 1))


def _truth_of(batch: Batch) -> Float[Tensor, "prompt height width"]:
    return batch.truth.flatten(0, 1).float() / 255
