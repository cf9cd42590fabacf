"""Image encoders, called and constructed as the official ones are."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from hqsam.errors import OptionError
from hqsam.integrations.segment_anything.modeling.official_module import OfficialModule
from hqsam.integrations.segment_anything.modeling.packed_features import pack
from hqsam.integrations.segment_anything.modeling.vit_layers import (
    Attention,
    Block,
    PatchEmbed,
    add_decomposed_rel_pos,
    get_rel_pos,
    window_partition,
    window_unpartition,
)
from hqsam.model.config import ModelConfig
from hqsam.model.encoders.tiny_vit.config import OFFICIAL_TINY_VIT
from hqsam.model.encoders.tiny_vit.encoder import BiasedAttention, TinyVit
from hqsam.model.encoders.vit.config import VitConfig
from hqsam.model.encoders.vit.encoder import Vit, VitBlock
from hqsam.model.hq_sam import HQSam, build_encoder

__all__ = [
    "Attention",
    "Block",
    "ImageEncoder",
    "ImageEncoderViT",
    "PatchEmbed",
    "TinyViT",
    "add_decomposed_rel_pos",
    "get_rel_pos",
    "window_partition",
    "window_unpartition",
]


class ImageEncoder(OfficialModule):
    """An image encoder of hqsam, called as the official encoders are."""

    official_name = "image_encoder"
    returns_early_features = False
    """True if `forward` also returns the early features, as in segment-anything-hq."""

    def __init__(self, config: ModelConfig, image_encoder: nn.Module | None = None) -> None:
        super().__init__(config)
        self.image_encoder = build_encoder(config) if image_encoder is None else image_encoder
        self.img_size = config.image_size
        """Side of the square that the model sees, in pixels."""

    @staticmethod
    def of(model: HQSam) -> "ImageEncoder":
        """Return the encoder of a model, which shares its weights."""
        kind = {Vit: ImageEncoderViT, TinyVit: TinyViT}.get(type(model.image_encoder), ImageEncoder)
        encoder = kind.__new__(kind)
        ImageEncoder.__init__(encoder, model.config, model.image_encoder)
        encoder.returns_early_features = model.hq is not None
        encoder.training = model.training
        return encoder

    def forward(
        self, x: Float[Tensor, "image 3 size size"]
    ) -> Float[Tensor, "image channel height width"] | tuple[Tensor, list[Tensor]]:
        """Return the embedding of preprocessed images, in the precision of the weights.

        Returns:
            The embedding [B, C, h, w], with further channels for a model that has skip features (`packed_features`);
            with `returns_early_features` that and a list with the early features [B, h, w, D]. The official ViTs list
            those of later blocks behind them, which nothing reads.
        """
        features = self.image_encoder(x.to(next(self.image_encoder.parameters()).dtype))
        if not self.returns_early_features:
            return pack(features)
        return pack(features), [features.early.permute(0, 2, 3, 1)]

    def train(self, mode: bool = True) -> "ImageEncoder":
        """Set the mode. As in the official code, TinyViT has its trained biases only once a caller has set a mode."""
        for module in self.modules():
            if isinstance(module, BiasedAttention):
                module.biased = True
        return super().train(mode)


class ImageEncoderViT(ImageEncoder):
    """SAM's ViT with the official constructor, for the options that the official models have."""

    image_encoder: Vit

    def __init__(
        self,
        img_size: int = 1024,
        patch_size: int = 16,
        in_chans: int = 3,
        embed_dim: int = 768,
        depth: int = 12,
        num_heads: int = 12,
        mlp_ratio: float = 4.0,
        out_chans: int = 256,
        qkv_bias: bool = True,
        norm_layer: Callable[..., nn.Module] = nn.LayerNorm,
        act_layer: type[nn.Module] = nn.GELU,
        use_abs_pos: bool = True,
        use_rel_pos: bool = False,
        rel_pos_zero_init: bool = True,
        window_size: int = 0,
        global_attn_indexes: Sequence[int] = (),
    ) -> None:
        """Build an encoder with random weights.

        Args:
            norm_layer: ignored; norms are LayerNorm with an epsilon of 1e-6, as the official builders choose.
            rel_pos_zero_init: ignored; relative positions begin as zeros.

        Raises:
            OptionError: an option is not that of the official models.
        """
        fixed = {"in_chans": (in_chans, 3), "qkv_bias": (qkv_bias, True), "act_layer": (act_layer, nn.GELU)}
        fixed |= {"use_abs_pos": (use_abs_pos, True), "use_rel_pos": (use_rel_pos, True)}
        require_official(type(self).__name__, fixed)
        encoder = VitConfig(
            width=embed_dim,
            depth=depth,
            heads=num_heads,
            global_blocks=tuple(global_attn_indexes) if window_size else tuple(range(depth)),
            patch=patch_size,
            window=window_size or img_size // patch_size,
            mlp_ratio=int(mlp_ratio),
        )
        super().__init__(ModelConfig(name="custom", encoder=encoder, image_size=img_size, width=out_chans))

    @property
    def patch_embed(self) -> Callable[[Tensor], Float[Tensor, "image height width channel"]]:
        """Function from images to the grid that the blocks take."""
        return lambda images: self.image_encoder.patches(images).permute(0, 2, 3, 1)

    @property
    def pos_embed(self) -> Float[Tensor, "1 height width channel"]:
        """Position embedding that is added to the grid."""
        return self.image_encoder.positions

    @property
    def blocks(self) -> nn.ModuleList:
        """The blocks, each with `norm1`, `attn`, `norm2`, `mlp` and `window_size`."""
        for block in self.image_encoder.blocks:
            if isinstance(block, VitBlock):  # not as children, which would have two names in state dicts
                names = {"norm1": block.attention_norm, "attn": block.attention, "norm2": block.mlp_norm}
                block.__dict__.update(names, window_size=block.window or 0)
        return self.image_encoder.blocks

    @property
    def neck(self) -> nn.Module:
        """Layers from the last block's grid [B, D, h, w] to the embedding [B, C, h, w]."""
        return self.image_encoder.neck


class TinyViT(ImageEncoder):
    """TinyViT with the official constructor, for the sizes of MobileSAM and HQ-SAM's light model."""

    def __init__(
        self,
        img_size: int = 1024,
        in_chans: int = 3,
        num_classes: int = 1000,
        embed_dims: Sequence[int] = (64, 128, 160, 320),
        depths: Sequence[int] = (2, 2, 6, 2),
        num_heads: Sequence[int] = (2, 4, 5, 10),
        window_sizes: Sequence[int] = (7, 7, 14, 7),
        **options: Any,
    ) -> None:
        """Build an encoder with random weights, 256 channels wide at its end and without the classifier.

        Args:
            num_classes: ignored.
            options: further options of the official class; ignored, as they concern training from scratch, or have the
                values of the official models.
        """
        sizes = {"widths": embed_dims, "depths": depths, "heads": num_heads, "windows": window_sizes}
        encoder = replace(OFFICIAL_TINY_VIT, **{name: tuple(values) for name, values in sizes.items()})
        super().__init__(ModelConfig(name="custom", encoder=encoder, image_size=img_size))


def require_official(name: str, options: dict[str, tuple[Any, Any]]) -> None:
    """Refuse options that hqsam's modules do not have.

    Args:
        name: the class that was constructed, for the message.
        options: the value given and the one required, by the name of the option.

    Raises:
        OptionError: a value is not the required one.
    """
    for option, (given, required) in options.items():
        if given != required:
            wanted = getattr(required, "__name__", required)
            raise OptionError(f"hqsam's {name} is built with {option}={wanted} only, and got {given!r}")
