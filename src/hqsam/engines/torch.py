"""The model as PyTorch runs it, on any device: the plain twin of the engines that are tuned to one."""

from typing import Literal

import numpy as np
import torch
from jaxtyping import UInt8

from hqsam.engines import EncodedImage, MaskSelection, SelectedMasks, in_batches
from hqsam.engines.selection import select_masks
from hqsam.model.features import ImageFeatures
from hqsam.model.hq_sam import HQSam, MaskPrediction, Source, fill_square
from hqsam.model.preprocess import normalise_and_pad
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.weights.digest import digest_of_model


class TorchEngine:
    """Encodes and decodes in one precision on one device."""

    def __init__(self, model: HQSam, device: torch.device, precision: torch.dtype) -> None:
        self.config, self.device, self.precision = model.config, device, precision
        self.model = model.eval().requires_grad_(False).to(device).in_precision(precision)

    def digest(self) -> str:
        """A short name for its weights and how it computes with them."""
        return f"torch {digest_of_model(self.model)}"

    @torch.inference_mode()
    def encode(self, images: list[UInt8[np.ndarray, "_ _ 3"]]) -> list[EncodedImage]:
        """RGB images whose longer side is the model's image size; what is alike in shape in one batch."""
        return in_batches(images, self.config, self._encode)

    def _encode(self, images: list[UInt8[np.ndarray, "_ _ 3"]]) -> list[EncodedImage]:
        batch = normalise_and_pad(images, self.config)
        if self.device.type == "cuda":
            batch = batch.pin_memory()  # so that it travels while other work is done
        batch = batch.to(self.device, self.precision, non_blocking=True)
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
    ) -> MaskPrediction:
        """Prompts about one image to low-resolution logits and scores, float32 on the CPU."""
        prompts = prompts.to(self.device, self.precision)
        decoded = self.model.decode(_features(image), prompts, source, candidates, hq_features=image.hq_features)
        return MaskPrediction(*(part.float().cpu() for part in decoded))

    @torch.inference_mode()
    def decode_selected(
        self, image: EncodedImage, prompts: PromptBatch, source: Source, selection: MaskSelection, least_score: float
    ) -> SelectedMasks:
        """The scores need only the tokens: what fails them is dropped before any of its pixels is made."""
        model, prompts = self.model, prompts.to(self.device, self.precision)
        state = model.run_transformer(_features(image), prompts, with_hq=source != "sam")
        selected = select_masks(
            state.iou_predictions[:, 1:].float(), "best" if source == "hq" else selection, least_score
        )
        asked, row = selected.prompt.unique(return_inverse=True)
        mask_inputs = model.mask_decoder.mask_inputs(state.of(asked))
        masks = []
        if source != "hq":
            candidates = model.mask_decoder.masks(mask_inputs, 1, self.config.decoder.candidates)
            masks.append(candidates[row, selected.candidate - 1])
        if source != "sam":
            masks.append(model.hq_masks(mask_inputs, image.hq_features)[row, 0])
        logits = fill_square(torch.stack(masks).sum(dim=0).float(), self.config)
        return SelectedMasks(*(part.cpu() for part in (logits, selected.scores, selected.prompt, selected.candidate)))


def _features(image: EncodedImage) -> ImageFeatures:
    """The decoder never looks at the early features: they are in `hq_features`."""
    return ImageFeatures(final=image.final, early=image.final if image.early is None else image.early)
