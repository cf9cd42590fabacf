"""A model in the shape that the official packages give it."""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from hqsam.integrations.segment_anything.modeling.image_encoder import ImageEncoder
from hqsam.integrations.segment_anything.modeling.mask_decoder import MaskDecoder
from hqsam.integrations.segment_anything.modeling.official_module import OfficialModule
from hqsam.integrations.segment_anything.modeling.prompt_encoder import PromptEncoder
from hqsam.model.hq_sam import HQSam


class Sam(nn.Module):
    """A model as those packages know it; `.model` is ours. State dicts and parameters have the official names."""

    mask_threshold = 0.0
    image_format = "RGB"
    model: HQSam

    def __init__(self, model: HQSam) -> None:
        super().__init__()
        self.__dict__["model"] = model  # no child: its modules are those of the parts, and would be counted twice
        self.training = model.training
        self.image_encoder = ImageEncoder(model)
        self.prompt_encoder = PromptEncoder(model)
        self.mask_decoder = MaskDecoder(model)
        self.pixel_mean: Tensor
        self.pixel_std: Tensor
        for name, values in (("pixel_mean", model.config.pixel_mean), ("pixel_std", model.config.pixel_std)):
            self.register_buffer(name, torch.tensor(values).view(-1, 1, 1), persistent=False)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.pixel_mean.device

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, nn.Parameter]]:
        """By official names, as the parts have them. A module around this one sees ours."""
        start = f"{prefix}." if prefix else ""
        for key, parameter in super().named_parameters("", recurse, remove_duplicate):
            name, _, rest = key.partition(".")
            part = self._modules.get(name)
            yield (
                start + (f"{name}.{part.official_names(rest)[0]}" if isinstance(part, OfficialModule) else key),
                parameter,
            )

    def train(self, mode: bool = True) -> "Sam":
        """As any module's. In the official code, too, it is what gives TinyViT its trained biases."""
        self.model.training = mode
        return super().train(mode)

    def forward(
        self, batched_input: list[dict[str, Any]], multimask_output: bool, hq_token_only: bool = False
    ) -> list[dict[str, Tensor]]:
        """Masks for images and prompts that were resized already: a list of records in, a list of records out.

        As in the official packages, gradients are kept for an HQ-SAM only.
        """
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.model.hq is not None):
            images = torch.stack([self.preprocess(record["image"]) for record in batched_input])
            embeddings, early = self.encode(images)
            return [
                self._predict_record(
                    record,
                    embeddings[index : index + 1],
                    None if early is None else [early[0][index : index + 1]],
                    multimask_output,
                    hq_token_only,
                )
                for index, record in enumerate(batched_input)
            ]

    def encode(self, images: Float[Tensor, "image 3 size size"]) -> tuple[Tensor, list[Tensor] | None]:
        """The image encoder's answer; of a plain SAM None in the place of the early features."""
        found = self.image_encoder(images)
        return found if isinstance(found, tuple) else (found, None)

    def preprocess(self, x: Tensor) -> Float[Tensor, "*batch 3 size size"]:
        """Colours [..., 3, H, W] normalised, and padded below and to the right to the model's square."""
        size = self.image_encoder.img_size
        x = (x - self.pixel_mean) / self.pixel_std
        return F.pad(x, (0, size - x.shape[-1], 0, size - x.shape[-2]))

    def postprocess_masks(
        self, masks: Float[Tensor, "prompt mask h w"], input_size: tuple[int, ...], original_size: tuple[int, ...]
    ) -> Float[Tensor, "prompt mask height width"]:
        """Logits at the size of the original image, without the padding; `Frame.masks_to_image` for any two sizes."""
        size = self.image_encoder.img_size
        height, width = input_size
        masks = F.interpolate(masks, (size, size), mode="bilinear", align_corners=False)[..., :height, :width]
        return F.interpolate(masks, tuple(original_size), mode="bilinear", align_corners=False)

    def _predict_record(
        self,
        record: dict[str, Any],
        embedding: Tensor,
        early: list[Tensor] | None,
        multimask_output: bool,
        hq_token_only: bool,
    ) -> dict[str, Tensor]:
        points = record.get("point_coords")
        sparse, dense = self.prompt_encoder(
            points=None if points is None else (points, record.get("point_labels")),
            boxes=record.get("boxes"),
            masks=record.get("mask_inputs"),
        )
        logits, scores = self.mask_decoder(
            image_embeddings=embedding,
            image_pe=self.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=multimask_output,
            hq_token_only=hq_token_only,
            interm_embeddings=early,
        )
        masks = self.postprocess_masks(logits, tuple(record["image"].shape[-2:]), record["original_size"])
        return {"masks": masks > self.mask_threshold, "iou_predictions": scores, "low_res_logits": logits}
