"""The decoder's two-way transformer, called and constructed as the official one is."""

from dataclasses import replace

from jaxtyping import Float
from torch import Tensor, nn

from hqsam.integrations.segment_anything.modeling.image_encoder import require_official
from hqsam.integrations.segment_anything.modeling.official_module import OfficialModule
from hqsam.model import two_way_transformer
from hqsam.model.config import MODELS, DecoderConfig, ModelConfig


class TwoWayTransformer(OfficialModule):
    """A two-way transformer between tokens and an image; `MaskDecoder` takes it with its weights."""

    official_name = "mask_decoder.transformer"

    def __init__(
        self,
        depth: int,
        embedding_dim: int,
        num_heads: int,
        mlp_dim: int,
        activation: type[nn.Module] = nn.ReLU,
        attention_downsample_rate: int = 2,
    ) -> None:
        """Build a transformer with random weights.

        Raises:
            OptionError: `activation` is not ReLU.
        """
        require_official(type(self).__name__, {"activation": (activation, nn.ReLU)})
        sizes = DecoderConfig(
            depth=depth, heads=num_heads, mlp_width=mlp_dim, attention_shrink=attention_downsample_rate
        )
        self._hold(
            two_way_transformer.TwoWayTransformer(embedding_dim, sizes),
            replace(MODELS["sam_vit_b"], name="custom", width=embedding_dim, decoder=sizes),
        )

    @classmethod
    def of(cls, transformer: two_way_transformer.TwoWayTransformer, config: ModelConfig) -> "TwoWayTransformer":
        """Return a module that shares the weights of a transformer."""
        module = cls.__new__(cls)
        module._hold(transformer, config)
        return module

    def _hold(self, transformer: two_way_transformer.TwoWayTransformer, config: ModelConfig) -> None:
        super().__init__(config)
        self.depth, self.num_heads, self.mlp_dim = config.decoder.depth, config.decoder.heads, config.decoder.mlp_width
        self.embedding_dim = config.width
        self.mask_decoder = nn.ModuleDict({"transformer": transformer})

    @property
    def transformer(self) -> two_way_transformer.TwoWayTransformer:
        """The transformer of hqsam."""
        transformer = self.mask_decoder["transformer"]
        assert isinstance(transformer, two_way_transformer.TwoWayTransformer)
        return transformer

    def forward(
        self,
        image_embedding: Float[Tensor, "prompt channel height width"],
        image_pe: Float[Tensor, "_ channel height width"],
        point_embedding: Float[Tensor, "prompt token channel"],
    ) -> tuple[Float[Tensor, "prompt token channel"], Float[Tensor, "prompt place channel"]]:
        """Return the updated tokens, and the updated image as a row of places."""
        image, positions = image_embedding.flatten(2).mT, image_pe[:1].flatten(2).mT
        return self.transformer(point_embedding, image, positions)
