"""Every size of every model. To add a model is to add a row."""

from dataclasses import asdict, dataclass, field
from typing import Any

from hqsam.model.encoders import FAMILIES, EncoderConfig, family_name
from hqsam.model.encoders.tiny_vit.config import OFFICIAL_TINY_VIT, TinyVitConfig
from hqsam.model.encoders.vit.config import VITS


@dataclass(frozen=True, kw_only=True)
class DecoderConfig:
    """Sizes of SAM's mask decoder: a two-way transformer between a few tokens and the image."""

    depth: int = 2
    heads: int = 8
    mlp_width: int = 2048
    attention_shrink: int = 2
    """Cross attention works in width / attention_shrink channels."""
    candidates: int = 3
    """Masks for an ambiguous prompt, beside the single mask 0."""
    iou_depth: int = 3
    iou_width: int = 256


@dataclass(frozen=True, kw_only=True)
class HqConfig:
    """Sizes of HQ-SAM's addition (paper, section 3.2)."""

    fusion_width: int = 64
    """Channels between the two 3x3 convolutions over the decoder's mask features."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The sizes of a whole model; `hq=None` is plain SAM."""

    name: str
    encoder: EncoderConfig
    hq: HqConfig | None = None
    image_size: int = 1024
    """Side of the square that prompts and masks lie in, in pixels; the image's long side is scaled to it."""
    padding: int | None = None
    """Tokens of padding that the encoder sees below and beside an image; None: up to the whole square, as SAM does."""
    width: int = 256
    """Channels of the image embedding, of every prompt and of every token."""
    mask_prompt_channels: int = 16
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    pixel_mean: tuple[float, float, float] = (123.675, 116.28, 103.53)
    pixel_std: tuple[float, float, float] = (58.395, 57.12, 57.375)

    @property
    def stride(self) -> int:
        """Pixels of the model's image per token of its embedding."""
        return self.encoder.stride

    @property
    def embedding_size(self) -> int:
        """Side of the image embedding, in tokens."""
        return self.image_size // self.encoder.stride

    @property
    def mask_size(self) -> int:
        """Side of the decoder's logits, and of a mask prompt."""
        return 4 * self.embedding_size

    @property
    def sources(self) -> tuple[str, ...]:
        """The `source=` choices this model offers."""
        return ("sum", "hq", "sam") if self.hq else ("sam",)

    def to_dict(self) -> dict[str, Any]:
        """Return a copy that JSON can hold; `from_dict` reads it back."""
        return {**asdict(self), "family": family_name(self.encoder)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "ModelConfig":
        """Rebuild a config from `to_dict`'s result; lists may stand for tuples."""
        values = {key: _tuples(value) for key, value in values.items()}
        family = FAMILIES[values.pop("family")]
        encoder = family.config(**{key: _tuples(value) for key, value in values.pop("encoder").items()})
        decoder = DecoderConfig(**values.pop("decoder"))
        hq = values.pop("hq")
        return cls(**values, encoder=encoder, decoder=decoder, hq=HqConfig(**hq) if hq else None)


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


NANO = ModelConfig(
    name="nano",
    encoder=TinyVitConfig(
        widths=(48, 96, 192, 256),
        depths=(2, 2, 6, 2),
        heads=(2, 3, 6, 8),
        windows=(8, 8, 16, 16),
        expand=3,
        even_windows=True,
        early_stage=0,
        early_after_merging=False,
    ),
    hq=HqConfig(fusion_width=64),
    image_size=512,
    padding=2,
    width=192,
    decoder=DecoderConfig(mlp_width=1024, iou_width=192),
)

MODELS: dict[str, ModelConfig] = {
    "nano": NANO,
    "vit_tiny": ModelConfig(name="vit_tiny", encoder=OFFICIAL_TINY_VIT, hq=HqConfig()),
    **{name: ModelConfig(name=name, encoder=vit, hq=HqConfig()) for name, vit in VITS.items()},
    "mobile_sam": ModelConfig(name="mobile_sam", encoder=OFFICIAL_TINY_VIT),
    **{f"sam_{name}": ModelConfig(name=f"sam_{name}", encoder=vit) for name, vit in VITS.items()},
}
