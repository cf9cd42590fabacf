"""The model tuned to processors: what `backend="auto"` takes on a CPU. `engines/torch.py` is its plain twin."""

from typing import Literal

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from hqsam.engines import EncodedImage, LoadedEngine, SelectedMasks, in_batches
from hqsam.engines.fused.decoder import FusedDecoder, SharedImage
from hqsam.engines.fused.layers import fuse_encoder, fuse_layers
from hqsam.engines.inference import inference_copy, inference_state
from hqsam.engines.kernels import Kernels
from hqsam.engines.selection import MaskSelection, select_masks
from hqsam.hardware import keep_freed_memory, use_one_thread_after_forks
from hqsam.model.hq_sam import HQSam, MaskPrediction, Source
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.weights.digest import digest_of_model


class CpuEngine(LoadedEngine):
    """Encodes in one precision; decodes with the projections of the image folded into the tokens.

    The operations between the matrix products are left to the kernels. With `int8`, those of the encoder multiply
    bytes. The model is copied, and what can be shared with it is.
    """

    device = torch.device("cpu")

    def __init__(self, model: HQSam, precision: torch.dtype, kernels: Kernels, int8: bool = False) -> None:
        keep_freed_memory()
        use_one_thread_after_forks()
        self.config, self.precision, self.kernels = model.config, precision, kernels
        model = inference_copy(model)
        self.decoder = FusedDecoder(model, precision, kernels)
        fuse_encoder(model.image_encoder, self.config, precision, kernels, int8)
        for part in model.hq.image_modules() if model.hq else ():
            fuse_layers(part, precision, kernels)
        self.model = model.in_precision(precision)

    def digest(self) -> str:
        return f"cpu {digest_of_model(self.model)}"

    @inference_state()
    def encode(self, images: list[UInt8[np.ndarray, "_ _ 3"]]) -> list[EncodedImage]:
        return in_batches(images, self.config, self._encode)

    def _encode(self, images: list[UInt8[np.ndarray, "_ _ 3"]]) -> list[EncodedImage]:
        batch = self.kernels.normalise_and_pad(images, self.config, self.precision)
        features = self.model.encode_image(batch)
        parts = {"final": features.final, "hq_features": self.model.hq_features(features)}
        return EncodedImage.from_batch({name: _channels_last(part) for name, part in parts.items()})

    @inference_state()
    def decode(
        self, image: EncodedImage, prompts: PromptBatch, source: Source = "sum", candidates: Literal[1, 3] = 1
    ) -> MaskPrediction:
        shared = self._shared(image)
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

    @inference_state()
    def decode_selected(
        self, image: EncodedImage, prompts: PromptBatch, source: Source, selection: MaskSelection, least_score: float
    ) -> SelectedMasks:
        """Decode ambiguous prompts; what fails `least_score` is dropped before any of its pixels is made."""
        shared = self._shared(image)
        state = self.decoder.run_transformer(shared, prompts, with_hq=source != "sam")
        selected = select_masks(state.iou_predictions[:, 1:], "best" if source == "hq" else selection, least_score)
        candidate = None if source == "hq" else selected.candidate
        logits = self.decoder.masks(shared, state, source != "sam", selected.prompt, candidate)
        return SelectedMasks(logits, selected.scores, selected.prompt, selected.candidate)

    def _shared(self, image: EncodedImage) -> SharedImage:
        return self.decoder.share(image.tensors["final"], image.tensors.get("hq_features"))


def _channels_last(x: Tensor | None) -> Tensor | None:
    return None if x is None else x.contiguous(memory_format=torch.channels_last)
