"""Images to embeddings, called as the official encoders are."""

from jaxtyping import Float
from torch import Tensor

from hqsam.integrations.segment_anything.modeling.official_module import OfficialModule
from hqsam.model.encoders.tiny_vit import BiasedAttention
from hqsam.model.hq_sam import HQSam


class ImageEncoder(OfficialModule):
    """The official encoder's twin: of an HQ-SAM segment-anything-hq's, of a plain SAM Meta's."""

    official_name = "image_encoder"

    def __init__(self, model: HQSam) -> None:
        super().__init__(model)
        self.image_encoder = model.image_encoder
        self.img_size = model.config.image_size
        """Side of the square that the model sees, in pixels."""
        self._has_hq = model.hq is not None

    def forward(
        self, x: Float[Tensor, "image 3 size size"]
    ) -> Float[Tensor, "image channel height width"] | tuple[Tensor, list[Tensor]]:
        """The embedding of preprocessed images, in the precision of the weights.

        Returns:
            Of a plain SAM the embedding [B, C, h, w]; of an HQ-SAM that and a list with the early features
            [B, h, w, D]. The official ViTs list those of later blocks behind them, which nothing reads.
        """
        features = self.image_encoder(x.to(next(self.image_encoder.parameters()).dtype))
        if not self._has_hq:
            return features.final
        return features.final, [features.early.permute(0, 2, 3, 1)]

    def train(self, mode: bool = True) -> "ImageEncoder":
        """As in the official code, TinyViT has its trained biases only once the caller has asked for a mode himself."""
        for module in self.modules():
            if isinstance(module, BiasedAttention):
                module.biased = True
        return super().train(mode)
