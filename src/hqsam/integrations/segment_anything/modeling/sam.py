"""A whole model, called and constructed as the official one is."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from hqsam.engines.attention import CPU_OPS
from hqsam.errors import OptionError
from hqsam.hardware import use_one_thread_after_forks
from hqsam.integrations.segment_anything.modeling.image_encoder import ImageEncoder
from hqsam.integrations.segment_anything.modeling.mask_decoder import MaskDecoder
from hqsam.integrations.segment_anything.modeling.official_module import OfficialModule
from hqsam.integrations.segment_anything.modeling.prompt_encoder import PromptEncoder
from hqsam.model.attention_ops import set_attention_ops
from hqsam.model.config import MODELS
from hqsam.model.hq_sam import HQSam
from hqsam.weights.meta_model import meta_model


class Sam(nn.Module):
    """A model in the shape of the official packages; its state dicts and parameters have the official names."""

    mask_threshold = 0.0
    image_format = "RGB"
    image_encoder: ImageEncoder
    prompt_encoder: PromptEncoder
    mask_decoder: MaskDecoder
    model: HQSam
    """The model as hqsam has it, which shares its weights; missing if a part is not hqsam's own."""

    def __init__(
        self,
        image_encoder: nn.Module,
        prompt_encoder: nn.Module | None = None,
        mask_decoder: nn.Module | None = None,
        pixel_mean: Sequence[float] = (123.675, 116.28, 103.53),
        pixel_std: Sequence[float] = (58.395, 57.12, 57.375),
    ) -> None:
        """Put a model together from its parts, or wrap a model of hqsam.

        Args:
            image_encoder: an image encoder, or a whole model of hqsam, such as `load_model` returns.
            prompt_encoder: a prompt encoder; None with a whole model.
            mask_decoder: a mask decoder; None with a whole model. With an HQ decoder the image encoder returns its
                early features, too.
            pixel_mean: mean colour of the training images, red, green and blue from 0 to 255.
            pixel_std: standard deviation of the colours.

        Raises:
            OptionError: the parts have different sizes, or one is missing.
        """
        super().__init__()
        use_one_thread_after_forks()
        if isinstance(image_encoder, HQSam):
            model = image_encoder
            if model.config.fit == "squash":
                raise OptionError(
                    f"{model.config.name} is a SAM 2, which squashes images; import hqsam.integrations.sam2 in place "
                    "of this package, or use hqsam.load"
                )
            parts: Any = ImageEncoder.of(model), PromptEncoder.of(model), MaskDecoder.of(model)
            pixel_mean, pixel_std = model.config.pixel_mean, model.config.pixel_std
            self.training = model.training
        elif prompt_encoder is None or mask_decoder is None:
            raise OptionError("a Sam is made of an image encoder, a prompt encoder and a mask decoder; give all three")
        else:
            parts = image_encoder, prompt_encoder, mask_decoder
            model = _assemble(image_encoder, prompt_encoder, mask_decoder, pixel_mean, pixel_std)
        if model is not None:
            self.__dict__["model"] = model  # no child: its modules are those of the parts, and would be counted twice
        self.image_encoder, self.prompt_encoder, self.mask_decoder = parts
        set_attention_ops(self, CPU_OPS)
        self.pixel_mean: Tensor
        self.pixel_std: Tensor
        for name, values in (("pixel_mean", pixel_mean), ("pixel_std", pixel_std)):
            self.register_buffer(name, torch.tensor(values).view(-1, 1, 1), persistent=False)

    @property
    def has_hq(self) -> bool:
        """True if the mask decoder has an HQ part."""
        return getattr(self.mask_decoder, "hq", None) is not None

    @property
    def device(self) -> torch.device:
        """The device of the model."""
        return self.pixel_mean.device

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, nn.Parameter]]:
        """Iterate over parameters by their official names. A module around this one sees those of hqsam."""
        start = f"{prefix}." if prefix else ""
        for key, parameter in super().named_parameters("", recurse, remove_duplicate):
            name, _, rest = key.partition(".")
            part = self._modules.get(name)
            yield (
                start + (f"{name}.{part.official_names(rest)[0]}" if isinstance(part, OfficialModule) else key),
                parameter,
            )

    def train(self, mode: bool = True) -> "Sam":
        """Set the mode. As in the official code, that is what gives TinyViT its trained biases."""
        if "model" in vars(self):
            self.model.training = mode
        return super().train(mode)

    def forward(
        self, batched_input: list[dict[str, Any]], multimask_output: bool, hq_token_only: bool = False
    ) -> list[dict[str, Tensor]]:
        """Return masks for images and prompts that were resized already.

        As in the official packages, gradients are kept for an HQ-SAM only.

        Args:
            batched_input: a record for each image: `image` [3, H, W], `original_size` (height, width), and optionally
                `point_coords` [B, N, 2] with `point_labels` [B, N], `boxes` [B, 4], `mask_inputs` [B, 1, h, w].
            multimask_output: choose among SAM's masks 1 to 3, for ambiguous prompts, instead of its mask 0.
            hq_token_only: return an HQ-SAM's HQ mask alone, without adding SAM's.

        Returns:
            A record for each image: `masks`, bool [B, C, H, W], `iou_predictions` [B, C], `low_res_logits`
            [B, C, h, w].
        """
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.has_hq):
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
        """Return the image encoder's embedding and early features, the latter None of a plain SAM."""
        found = self.image_encoder(images)
        return found if isinstance(found, tuple) else (found, None)

    def preprocess(self, x: Tensor) -> Float[Tensor, "*batch 3 size size"]:
        """Return colours [..., 3, H, W] normalised, and padded below and to the right to the model's square."""
        size = self.image_encoder.img_size
        x = (x - self.pixel_mean) / self.pixel_std
        return F.pad(x, (0, size - x.shape[-1], 0, size - x.shape[-2]))

    def postprocess_masks(
        self, masks: Float[Tensor, "prompt mask h w"], input_size: tuple[int, ...], original_size: tuple[int, ...]
    ) -> Float[Tensor, "prompt mask height width"]:
        """Return logits at the size of the original image, without the padding."""
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
            **hq_options(early, hq_token_only),
        )
        masks = self.postprocess_masks(logits, tuple(record["image"].shape[-2:]), record["original_size"])
        return {"masks": masks > self.mask_threshold, "iou_predictions": scores, "low_res_logits": logits}


def hq_options(interm_embeddings: Any, hq_token_only: bool) -> dict[str, Any]:
    """Return the arguments that only HQ-SAM's decoder takes, none if they say nothing: Meta's has no such arguments."""
    hq_only = {"hq_token_only": True} if hq_token_only else {}
    return hq_only if interm_embeddings is None else {**hq_only, "interm_embeddings": interm_embeddings}


def _assemble(encoder: Any, prompts: Any, decoder: Any, mean: Sequence[float], std: Sequence[float]) -> HQSam | None:
    """Return a model of hqsam made of official parts, or None if one of them is not hqsam's own.

    Raises:
        OptionError: the parts have different sizes.
    """
    kinds = ((encoder, ImageEncoder), (prompts, PromptEncoder), (decoder, MaskDecoder))
    if not all(isinstance(part, kind) and type(part).forward is kind.forward for part, kind in kinds):
        return None
    _require_equal_sizes(encoder, prompts, decoder)
    encoder.returns_early_features = decoder.hq is not None
    config = replace(
        encoder.config,
        mask_prompt_channels=prompts.config.mask_prompt_channels,
        decoder=decoder.config.decoder,
        hq=decoder.config.hq,
        pixel_mean=tuple(mean),
        pixel_std=tuple(std),
    )
    name = next((row.name for row in MODELS.values() if row == replace(config, name=row.name)), config.name)
    model = meta_model(replace(config, name=name))
    model.image_encoder, model.prompt_encoder = encoder.image_encoder, prompts.prompt_encoder
    model.mask_decoder, model.hq = decoder.mask_decoder, decoder.hq
    return model


def _require_equal_sizes(encoder: ImageEncoder, prompts: PromptEncoder, decoder: MaskDecoder) -> None:
    sizes = {
        "channels": (encoder.config.width, prompts.config.width, decoder.config.width),
        "image size": (encoder.config.image_size, prompts.config.image_size),
        "embedding size": (encoder.config.embedding_size, prompts.config.embedding_size),
    }
    if decoder.hq is not None:
        sizes["channels of the early features"] = tuple(part.config.encoder.early_width for part in (encoder, decoder))
    for name, values in sizes.items():
        if len(set(values)) > 1:
            raise OptionError(f"the parts of a Sam have to fit: their {name} are {', '.join(map(str, values))}")
