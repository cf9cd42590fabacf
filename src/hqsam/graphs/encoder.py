"""The image encoder as a module to export: a prepared image to what the decoder needs, and no more."""

from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from torch.export import Dim

from hqsam.graphs.any_size import takes_any_size, with_any_size
from hqsam.model.config import ModelConfig
from hqsam.model.hq_sam import HQSam

EMBEDDING, HQ_FEATURES, SKIP = "image_embedding", "hq_features", "skip_"


class EncoderGraph(nn.Module):
    """Encodes one normalised image; returns the tensors of `feature_names`."""

    def __init__(self, model: HQSam, whole_square: bool = False) -> None:
        """With `whole_square` the image is one, also where the encoder could take less."""
        super().__init__()
        self.config = model.config
        self.any_size = not whole_square and takes_any_size(model.config, model.image_encoder)
        self.image_encoder = with_any_size(model.image_encoder) if self.any_size else model.image_encoder
        self.hq = model.hq

    def forward(self, pixels: Float[Tensor, "1 3 height width"]) -> tuple[Tensor, ...]:
        features = self.image_encoder(pixels)
        hq_features = self.hq.image_features(features) if self.hq else None
        return features.final, *([] if hq_features is None else [hq_features]), *features.skips

    def dynamic_shapes(self) -> dict[str, dict[int, Any]] | None:
        """Return the sides of `pixels` that vary, in whole tokens; None if the image is a whole square."""
        if not self.any_size:
            return None
        stride, most = self.config.stride, self.config.embedding_size
        least = 1 + (self.config.padding or 0)
        rows: Any = Dim("rows", min=least, max=most)
        columns: Any = Dim("columns", min=least, max=most)
        return {"pixels": {2: stride * rows, 3: stride * columns}}


def feature_names(config: ModelConfig) -> tuple[str, ...]:
    """Return the names of the encoder's outputs, in order; the decoder takes them under the same names."""
    hq = config.hq is not None and config.hq.fuse_encoder
    skips = 2 if config.encoder.has_skips else 0
    return (EMBEDDING, *([HQ_FEATURES] if hq else []), *(f"{SKIP}{number}" for number in range(skips)))


def feature_shapes(features: list[Tensor], any_size: bool) -> list[dict[int, Any] | None]:
    """Return the sides of image features that vary, multiples of those of the coarsest; None: none does."""
    if not any_size:
        return [None for _ in features]
    rows: Any = Dim("rows", min=1)
    columns: Any = Dim("columns", min=1)
    least = min(feature.shape[2] for feature in features)
    times = [feature.shape[2] // least for feature in features]
    return [{2: n * rows, 3: n * columns} for n in times]
