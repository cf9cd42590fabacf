"""A model in the shape that the official packages give it."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from hqsam.errors import ImageError, OptionError, PromptError
from hqsam.geometry import Frame
from hqsam.model.encoders.tiny_vit import BiasedAttention
from hqsam.model.features import ImageFeatures
from hqsam.model.hq_sam import Decoded, HQSam
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.prompts import as_trained


class Sam(nn.Module):
    """A model as those packages know it; `.model` is ours."""

    mask_threshold = 0.0
    image_format = "RGB"

    def __init__(self, model: HQSam) -> None:
        super().__init__()
        self.model = model
        self.pixel_mean: Tensor
        self.pixel_std: Tensor
        for name, values in (("pixel_mean", model.config.pixel_mean), ("pixel_std", model.config.pixel_std)):
            self.register_buffer(name, torch.tensor(values).view(-1, 1, 1), persistent=False)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.pixel_mean.device

    @property
    def image_encoder(self) -> "ImageEncoder":
        """Knows the model's `img_size`, and can be called."""
        return ImageEncoder(self.model)

    def train(self, mode: bool = True) -> "Sam":
        """As in those packages, TinyViT has its trained biases only once the caller has asked for a mode himself."""
        for module in self.model.modules():
            if isinstance(module, BiasedAttention):
                module.biased = True
        return super().train(mode)

    @torch.no_grad()
    def forward(
        self, batched_input: list[dict[str, Any]], multimask_output: bool, hq_token_only: bool = False
    ) -> list[dict[str, Tensor]]:
        """Masks for images and prompts that were resized already: a list of records in, a list of records out."""
        features = self.encode(torch.stack([self.preprocess(record["image"]) for record in batched_input]))
        answers = []
        for index, record in enumerate(batched_input):
            own = ImageFeatures(features.final[index : index + 1], features.early[index : index + 1])
            answers.append(self._answer(record, own, multimask_output, hq_token_only))
        return answers

    def _answer(
        self, record: dict[str, Any], features: ImageFeatures, multimask_output: bool, hq_token_only: bool
    ) -> dict[str, Tensor]:
        names = ("point_coords", "point_labels", "boxes", "mask_inputs")
        prompts = self.prompt_batch(*(record.get(name) for name in names))
        logits, scores = self.decode(features, None, prompts, multimask_output, hq_token_only)
        masks = self.postprocess_masks(logits, tuple(record["image"].shape[-2:]), record["original_size"])
        return {"masks": masks > self.mask_threshold, "iou_predictions": scores, "low_res_logits": logits}

    def encode(self, images: Float[Tensor, "image 3 size size"]) -> ImageFeatures:
        """Preprocessed images to features."""
        return self.model.encode_image(images.to(self._dtype))

    def decode(
        self,
        features: ImageFeatures,
        hq_features: Tensor | None,
        prompts: PromptBatch,
        multimask_output: bool,
        hq_token_only: bool,
    ) -> Decoded:
        """Logits and scores as the official decoders choose them, in float32."""
        has_hq = self.model.config.hq is not None
        if hq_token_only and not has_hq:
            raise OptionError(f"{self.model.config.name} is a plain SAM and has no HQ token; leave hq_token_only False")
        source = "sam" if not has_hq else "hq" if hq_token_only else "sum"
        decoded = self.model.decode(features, prompts, source, 3 if multimask_output else 1, hq_features)
        logits, scores = decoded.logits.float(), decoded.scores.float()
        if has_hq and logits.shape[1] > 1:
            rows, best = torch.arange(len(scores), device=scores.device), scores.argmax(dim=1)
            logits, scores = logits[rows, best][:, None], scores[rows, best][:, None]
        return Decoded(logits, scores)

    def prompt_batch(
        self, points: Tensor | None, labels: Tensor | None, boxes: Tensor | None, masks: Tensor | None
    ) -> PromptBatch:
        """Prompts in the model's pixels, each None or a batch: [B, N, 2], [B, N], [B, 4], [B, 1, h, w]."""
        if (points is None) != (labels is None):
            raise PromptError("give point_coords and point_labels together")
        boxes = None if boxes is None else boxes.reshape(-1, 4)
        sizes = {len(part) for part in (points, labels, boxes, masks) if part is not None}
        if len(sizes) != 1:
            raise PromptError(f"the prompts are batches of {sorted(sizes)}; give at least one, and as many of each")
        [count] = sizes
        clicks = torch.zeros(count, 0, 2) if points is None else points.float().cpu()
        kinds = torch.zeros(count, 0) if labels is None else labels.cpu()
        corners = None if boxes is None else boxes.float().cpu().numpy()
        tokens, token_kinds = as_trained(clicks.numpy(), kinds.long().numpy(), corners)
        batch = PromptBatch(torch.from_numpy(tokens), torch.from_numpy(token_kinds), masks)
        return batch.to(self.device, self._dtype)

    def preprocess(self, x: Tensor) -> Float[Tensor, "*batch 3 size size"]:
        """Colours [..., 3, H, W] normalised, and padded below and to the right to the model's square."""
        size = self.model.config.image_size
        x = (x - self.pixel_mean) / self.pixel_std
        return F.pad(x, (0, size - x.shape[-1], 0, size - x.shape[-2]))

    def postprocess_masks(
        self, masks: Float[Tensor, "prompt mask h w"], input_size: tuple[int, ...], original_size: tuple[int, ...]
    ) -> Float[Tensor, "prompt mask height width"]:
        """Logits at the size of the original image, without the padding."""
        frame = self.frame(input_size, original_size)
        return frame.masks_to_image(masks.flatten(0, 1)).unflatten(0, masks.shape[:2])

    def frame(self, input_size: tuple[int, ...], original_size: tuple[int, ...]) -> Frame:
        """How an image of `original_size` lies in the model's square, having been scaled to `input_size`."""
        height, width = original_size
        frame = Frame((int(height), int(width)), self.model.config.image_size)
        if frame.resized_hw != tuple(input_size):
            raise ImageError(
                f"an image of {tuple(original_size)} is scaled to {frame.resized_hw} for this model, and this one "
                f"to {tuple(input_size)}; scale it with transform.apply_image"
            )
        return frame

    @property
    def _dtype(self) -> torch.dtype:
        return next(self.model.parameters()).dtype


@dataclass(frozen=True, eq=False)
class ImageEncoder:
    """What is asked of `sam.image_encoder`."""

    model: HQSam

    @property
    def img_size(self) -> int:
        """Side of the square that the model sees, in pixels."""
        return self.model.config.image_size

    def __call__(self, images: Float[Tensor, "image 3 size size"]) -> Tensor | tuple[Tensor, list[Tensor]]:
        """The embedding; of an HQ-SAM, also a list with the early feature, channels last."""
        features = self.model.encode_image(images)
        if self.model.config.hq is None:
            return features.final
        return features.final, [features.early.permute(0, 2, 3, 1)]
