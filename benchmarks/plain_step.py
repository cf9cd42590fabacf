"""Training step as the official code does it, in its order and with nothing saved: the plain twin of ours."""

import torch
from torch import Tensor
from torch.nn import functional as F

from hqsam.data.loader import Batch
from hqsam.model.features import ImageFeatures
from hqsam.model.hq_sam import HQSam
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.training.encoding import normalised
from hqsam.training.losses import Draw, uncertain_point_losses


def plain_step(model: HQSam, optimiser: torch.optim.Optimizer, batch: Batch) -> float:
    """Take a step on one object of each image, in float32, and return the loss."""
    loss = plain_loss(model, batch, lambda count: torch.rand(len(batch.images), count, 2))
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return float(loss.detach())


def plain_loss(model: HQSam, batch: Batch, draw: Draw) -> Tensor:
    """Return the loss of one object of each image, at points that `draw` draws."""
    prompts = [_prompt_of(batch, index) for index in range(len(batch.images))]
    with torch.no_grad():
        features = model.encode_image(normalised(batch.images, model))
        for index, prompt in enumerate(prompts):  # all of SAM's masks, enlarged, though the loss uses only its features
            decoding = model.run_decoder(_row(features, index), prompt, with_hq=False)
            logits = model.mask_decoder.masks(decoding, 0, 3)[:, :1]
            F.interpolate(logits, (model.config.image_size,) * 2, mode="bilinear", align_corners=False)
    hq_features = model.hq_features(features)
    assert hq_features is not None
    logits = [_hq_logits(model, features, hq_features, index, prompt) for index, prompt in enumerate(prompts)]
    return uncertain_point_losses(torch.cat(logits), batch.truth[:, :1].float() / 255, draw)


def _hq_logits(model: HQSam, features: ImageFeatures, hq_features: Tensor, index: int, prompt: PromptBatch) -> Tensor:
    decoding = model.run_decoder(_row(features, index), prompt, with_hq=True)
    model.mask_decoder.masks(decoding, 0, 3)
    return model.hq_masks(decoding, hq_features[index : index + 1])


def _row(features: ImageFeatures, index: int) -> ImageFeatures:
    return ImageFeatures(*(part[index : index + 1] for part in features))


def _prompt_of(batch: Batch, index: int) -> PromptBatch:
    count = int(batch.tokens[index, 0])
    points, labels = batch.points[index, :1, :count], batch.labels[index, :1, :count]
    if batch.mask_prompt is None or batch.has_mask is None or not batch.has_mask[index, 0]:
        return PromptBatch(points, labels)
    return PromptBatch(points, labels, batch.mask_prompt[index, :1])
