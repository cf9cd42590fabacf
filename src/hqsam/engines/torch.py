"""The model as PyTorch runs it, on CPU, CUDA or MPS."""

from typing import Literal

import numpy as np
import torch
from jaxtyping import UInt8

from hqsam.engines import EncodedImage
from hqsam.model.features import ImageFeatures
from hqsam.model.hq_sam import Decoded, HQSam, Source
from hqsam.model.preprocess import normalise_and_pad
from hqsam.model.prompt_encoder import PromptBatch


class TorchEngine:
    """Encodes and decodes in one precision on one device."""

    def __init__(self, model: HQSam, device: torch.device, precision: torch.dtype) -> None:
        self.config, self.device, self.precision = model.config, device, precision
        self.model = model.eval().requires_grad_(False).to(device).in_precision(precision)

    @torch.inference_mode()
    def encode(self, images: list[UInt8[np.ndarray, "_ _ 3"]]) -> list[EncodedImage]:
        """RGB images whose longer side is the model's image size, in one batch."""
        batch = normalise_and_pad(images, self.config).to(self.device, self.precision)
        features = self.model.encode_image(batch)
        hq = self.model.hq_features(features)
        return [
            EncodedImage(
                final=features.final[index : index + 1].contiguous(),
                early=features.early[index : index + 1],
                hq_features=None if hq is None else hq[index : index + 1],
            )
            for index in range(len(images))
        ]

    @torch.inference_mode()
    def decode(
        self, image: EncodedImage, prompts: PromptBatch, source: Source = "sum", candidates: Literal[1, 3] = 1
    ) -> Decoded:
        """Prompts about one image to low-resolution logits and scores, float32 on the CPU."""
        features = ImageFeatures(final=image.final, early=image.early)
        prompts = prompts.to(self.device, self.precision)
        decoded = self.model.decode(features, prompts, source, candidates, hq_features=image.hq_features)
        return Decoded(*(part.float().cpu() for part in decoded))
