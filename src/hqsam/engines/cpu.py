"""The model tuned to processors: what `backend="auto"` takes on a CPU. `engines/torch.py` is its plain twin."""

from typing import Literal

import numpy as np
import torch
from jaxtyping import UInt8

from hqsam.engines import EncodedImage, MaskSelection, SelectedMasks, in_batches
from hqsam.engines.fused.decoder import FusedDecoder
from hqsam.engines.fused.layers import fuse_layers
from hqsam.engines.kernels import Kernels
from hqsam.engines.selection import select_masks
from hqsam.hardware import keep_freed_memory
from hqsam.model.hq_sam import HQSam, MaskPrediction, Source
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.weights.digest import digest_of_model


class CpuEngine:
    """Encodes in one precision; decodes with the projections of the image folded into the tokens.

    What lies between the matrix products is left to the kernels. With `int8`, those of the encoder multiply bytes.
    """

    device = torch.device("cpu")

    def __init__(self, model: HQSam, precision: torch.dtype, kernels: Kernels, int8: bool = False) -> None:
        keep_freed_memory()
        self.config, self.precision, self.kernels = model.config, precision, kernels
        model = model.eval().requires_grad_(False)
        self.decoder = FusedDecoder(model, precision, kernels)
        model.image_encoder.prepare_for_inference(self.config.image_size, kernels)
        fuse_layers(model.image_encoder, precision, kernels, int8)
        for part in model.hq.of_image() if model.hq else ():
            fuse_layers(part, precision, kernels)
        self.model = model.in_precision(precision)

    def digest(self) -> str:
        """A short name for its weights and how it computes with them."""
        return f"cpu {digest_of_model(self.model)}"

    @torch.inference_mode()
    def encode(self, images: list[UInt8[np.ndarray, "_ _ 3"]]) -> list[EncodedImage]:
        """RGB images whose longer side is the model's image size; what is alike in shape in one batch."""
        return in_batches(images, self.config, self._encode)

    def _encode(self, images: list[UInt8[np.ndarray, "_ _ 3"]]) -> list[EncodedImage]:
        batch = self.kernels.normalise_and_pad(images, self.config, self.precision)
        features = self.model.encode_image(batch)
        hq = self.model.hq_features(features)
        final, hq = (
            None if x is None else x.contiguous(memory_format=torch.channels_last) for x in (features.final, hq)
        )
        assert final is not None
        return [
            EncodedImage(final[index : index + 1], None, None if hq is None else hq[index : index + 1])
            for index in range(len(images))
        ]

    @torch.inference_mode()
    def decode(
        self, image: EncodedImage, prompts: PromptBatch, source: Source = "sum", candidates: Literal[1, 3] = 1
    ) -> MaskPrediction:
        """Prompts about one image to low-resolution logits and scores."""
        shared = self.decoder.share(image.final, image.hq_features)
        state = self.decoder.run_transformer(shared, prompts, with_hq=source != "sam")
        first, last = (0, 0) if candidates == 1 else (1, candidates)
        scores = state.iou_predictions[:, first : last + 1]
        prompt = torch.arange(len(prompts))
        if source == "hq":
            logits = self.decoder.masks(shared, state, True, prompt)
            return MaskPrediction(logits[:, None], scores.amax(dim=1, keepdim=True))
        each = prompt.repeat_interleave(scores.shape[1])
        candidate = torch.arange(first, last + 1).repeat(len(prompts))
        logits = self.decoder.masks(shared, state, source == "sum", each, candidate)
        return MaskPrediction(logits.unflatten(0, scores.shape), scores)

    @torch.inference_mode()
    def decode_selected(
        self, image: EncodedImage, prompts: PromptBatch, source: Source, selection: MaskSelection, least_score: float
    ) -> SelectedMasks:
        """The scores need only the tokens: what fails them is dropped before any of its pixels is made."""
        shared = self.decoder.share(image.final, image.hq_features)
        state = self.decoder.run_transformer(shared, prompts, with_hq=source != "sam")
        selected = select_masks(state.iou_predictions[:, 1:], "best" if source == "hq" else selection, least_score)
        candidate = None if source == "hq" else selected.candidate
        logits = self.decoder.masks(shared, state, source != "sam", selected.prompt, candidate)
        return SelectedMasks(logits, selected.scores, selected.prompt, selected.candidate)
