"""Engines around a caller's `Sam` for the mask generator; the model itself stays as it is."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from hqsam.engines import EncodedImage, Engine, MaskSelection, SelectedMasks
from hqsam.engines.cpu import CpuEngine
from hqsam.engines.fused.decoder import FusedDecoder
from hqsam.engines.kernels.build import best_kernels
from hqsam.engines.torch import TorchEngine
from hqsam.errors import OptionError
from hqsam.freed_memory import keep_freed_memory
from hqsam.integrations.segment_anything.modeling.sam import Sam
from hqsam.model.hq_sam import Candidates, Source
from hqsam.model.preprocess import Pixels, normalise_and_pad
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.weights.digest import digest_of_model


def engine_for(sam: Sam, multimask_output: bool) -> Engine:
    """Return an engine that runs a model as it is now, in its own precision and on its device.

    Args:
        sam: the model.
        multimask_output: choose among SAM's masks 1 to 3 for each click, as engines usually do, instead of its mask 0.

    Raises:
        OptionError: a part of the model is not hqsam's own, so that only `SamPredictor` can run it.
    """
    if "model" not in vars(sam):
        raise OptionError("the mask generator runs parts of hqsam's own, and this Sam has others; use SamPredictor")
    engine = _SamCpuEngine(sam) if sam.device.type == "cpu" else _SamTorchEngine(sam)
    return engine if multimask_output else SingleMaskEngine(engine)


class _SamCpuEngine(CpuEngine):
    """An engine for processors: the decoder is a tuned copy, the encoder, which may be in training, is the caller's."""

    def __init__(self, sam: Sam) -> None:
        keep_freed_memory()
        self.sam, self.config = sam, sam.model.config
        self.model, self.precision = sam.model, next(sam.model.parameters()).dtype
        self.decoder = FusedDecoder(sam.model, self.precision, best_kernels(self.precision))

    def digest(self) -> str:
        return f"cpu {digest_of_model(self.model)}"

    def encode(self, images: Sequence[Pixels]) -> list[EncodedImage]:
        return _encode(self.sam, images)


class _SamTorchEngine(TorchEngine):
    """An engine for other devices, with the caller's modules."""

    def __init__(self, sam: Sam) -> None:
        self.sam, self.config, self.device = sam, sam.model.config, sam.device
        self.model, self.precision = sam.model, next(sam.model.parameters()).dtype

    def encode(self, images: Sequence[Pixels]) -> list[EncodedImage]:
        return _encode(self.sam, images)


class SingleMaskEngine:
    """An engine that decodes one mask of each prompt: SAM's mask 0, or what else `candidates` says of SAM 2."""

    def __init__(self, engine: Engine, candidates: Candidates = 1) -> None:
        self.candidates: Candidates = candidates
        self.config, self.device = engine.config, engine.device
        self.encode, self.decode, self.digest = engine.encode, engine.decode, engine.digest

    def decode_selected(
        self, image: EncodedImage, prompts: PromptBatch, source: Source, selection: MaskSelection, least_score: float
    ) -> SelectedMasks:
        """Return the mask of each prompt whose score is high enough."""
        logits, scores, _ = self.decode(image, prompts, source, self.candidates)
        [prompt] = (scores[:, 0] >= least_score).nonzero(as_tuple=True)
        return SelectedMasks(logits[prompt, 0], scores[prompt, 0], prompt, torch.zeros_like(prompt))


@torch.no_grad()
def _encode(sam: Sam, images: Sequence[Pixels]) -> list[EncodedImage]:
    square = replace(sam.model.config, padding=None)  # as `Sam.preprocess` does
    batch = normalise_and_pad(images, square).to(sam.device, next(sam.model.parameters()).dtype)
    features = sam.model.encode_image(batch)
    tensors = {**features.to_tensors(), "hq_features": sam.model.hq_features(features)}
    del tensors["early"]  # nothing reads them once the HQ features are made
    return EncodedImage.from_batch(tensors)
