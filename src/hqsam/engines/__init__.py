"""Who can run a model: encode images, decode prompts. One file per runtime, all with the interface below."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from hqsam.model.config import ModelConfig
from hqsam.model.hq_sam import Decoded, Source
from hqsam.model.prompt_encoder import PromptBatch


@dataclass(frozen=True)
class EncodedImage:
    """One image as an engine keeps it: all that does not depend on the prompt."""

    final: Float[Tensor, "1 channel height width"]
    early: Float[Tensor, "1 early_channel early_height early_width"]
    hq_features: Float[Tensor, "1 pixel_channel mask_height mask_width"] | None

    @property
    def bytes(self) -> int:
        """Memory it holds."""
        parts = (self.final, self.early, self.hq_features)
        return sum(part.nbytes for part in parts if part is not None)


@runtime_checkable
class Engine(Protocol):
    """Runs one model. Results are float32 on the CPU."""

    config: ModelConfig
    device: torch.device

    def encode(self, images: list[UInt8[np.ndarray, "_ _ 3"]]) -> list[EncodedImage]:
        """RGB images whose longer side is the model's image size, in one batch."""
        ...

    def decode(self, image: EncodedImage, prompts: PromptBatch, source: Source, candidates: Any) -> Decoded:
        """Prompts about one image to low-resolution logits and scores."""
        ...
