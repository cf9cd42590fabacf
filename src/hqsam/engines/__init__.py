"""Who can run a model: encode images, decode prompts. One file per runtime, all with the interface below."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from hqsam.model.config import ModelConfig
from hqsam.model.hq_sam import MaskPrediction, Source
from hqsam.model.preprocess import batches
from hqsam.model.prompt_encoder import PromptBatch


@dataclass(frozen=True)
class EncodedImage:
    """One image as an engine keeps it: all that does not depend on the prompt."""

    final: Float[Tensor, "1 channel height width"]
    early: Float[Tensor, "1 early_channel early_height early_width"] | None
    """The encoder's early features, where the engine keeps them: masks need only `hq_features`, made of them."""
    hq_features: Float[Tensor, "1 pixel_channel mask_height mask_width"] | None

    @property
    def nbytes(self) -> int:
        """Memory it holds."""
        parts = (self.final, self.early, self.hq_features)
        return sum(part.nbytes for part in parts if part is not None)


class SelectedMasks(NamedTuple):
    """The masks that were worth making, in order of their prompts."""

    logits: Float[Tensor, "kept height width"]
    scores: Float[Tensor, "kept"]
    prompt: Int[Tensor, "kept"]
    """Which prompt each answers."""
    candidate: Int[Tensor, "kept"]
    """Which of SAM's masks it is, or whose score it has: 1 to 3."""


MaskSelection = Literal["each", "best"]
"""Of the masks for a prompt that can be read in several ways: each of them, or the one with the highest score."""


@runtime_checkable
class Engine(Protocol):
    """Runs one model. Results are float32 on the CPU."""

    config: ModelConfig
    device: torch.device

    def digest(self) -> str:
        """A short name for its weights and how it computes with them: work can go on with the same one only."""
        ...

    def encode(self, images: list[UInt8[np.ndarray, "_ _ 3"]]) -> list[EncodedImage]:
        """RGB images whose longer side is the model's image size; what is alike in shape in one batch."""
        ...

    def decode(self, image: EncodedImage, prompts: PromptBatch, source: Source, candidates: Any) -> MaskPrediction:
        """Prompts about one image to low-resolution logits and scores."""
        ...

    def decode_selected(
        self, image: EncodedImage, prompts: PromptBatch, source: Source, selection: MaskSelection, least_score: float
    ) -> SelectedMasks:
        """Prompts that can be read in several ways, to the masks whose predicted IoU is at least `least_score`.

        With `hq` there is one mask a prompt in any case, scored by the best reading. Masks are made after the choice.
        """
        ...


def in_batches(
    images: list[UInt8[np.ndarray, "_ _ 3"]],
    config: ModelConfig,
    encode: Callable[[list[UInt8[np.ndarray, "_ _ 3"]]], list[EncodedImage]],
) -> list[EncodedImage]:
    """Encode images together where their shapes allow it; the answers come in the images' order."""
    encoded: dict[int, EncodedImage] = {}
    for numbers in batches(images, config):
        encoded.update(zip(numbers, encode([images[number] for number in numbers]), strict=True))
    return [encoded[number] for number in range(len(images))]
