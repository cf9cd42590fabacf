"""Every size of every model. To add a model is to add a row."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from hqsam.model.encoders import FAMILIES, EncoderConfig, family_name
from hqsam.model.encoders.efficientnet_lite.config import EfficientNetLiteConfig
from hqsam.model.encoders.hiera.config import HIERAS
from hqsam.model.encoders.tiny_vit.config import OFFICIAL_TINY_VIT, TinyVitConfig
from hqsam.model.encoders.vit.config import VITS
from hqsam.model.memory.config import MemoryConfig


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
    smoothing: int = 0
    """Convolution blocks after the first of the two upscalings."""
    iou_depth: int = 3
    iou_width: int = 256
    bounded_iou: bool = False
    """Predicted IoUs go through a sigmoid (SAM 2)."""
    object_score: bool = False
    """A token of its own says whether the object is in the image at all (SAM 2)."""
    least_stability: float = 0.0
    """Mask 0 gives way to the best of the others, if its stability is lower (SAM 2); 0: never."""


@dataclass(frozen=True, kw_only=True)
class HqConfig:
    """Sizes of HQ-SAM's addition (paper, section 3.2)."""

    fusion_width: int = 64
    """Channels between the two 3x3 convolutions over the decoder's mask features."""
    fuse_encoder: bool = True
    """Early and final features of the encoder are added to those of the decoder. HQ-SAM 2 has the latter alone."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The sizes of a whole model; `hq=None` is plain SAM."""

    name: str
    encoder: EncoderConfig
    hq: HqConfig | None = None
    image_size: int = 1024
    """Side of the square that prompts and masks lie in, in pixels; the image's long side is scaled to it."""
    fit: Literal["pad", "squash"] = "pad"
    """Images keep their aspect and are padded to the square, or are squashed to it, as in SAM 2."""
    padding: int | None = None
    """Tokens of padding that the encoder sees below and beside an image; None: up to the whole square, as SAM does."""
    width: int = 256
    """Channels of the image embedding, of every prompt and of every token."""
    mask_prompt_channels: int = 16
    mask_prompt_limit: float = 0.0
    """Logits of mask prompts are cut off at this and minus this; 0: not at all."""
    pad_boxes: bool = False
    """A padding point comes after boxes, too, as in SAM 2; in SAM it stands in their place."""
    drawn_prompt_channels: int = 0
    """Channels of the layers that embed points and boxes drawn as an image; 0: they are tokens alone, as in SAM."""
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    memory: MemoryConfig | None = None
    """The memory of a video (SAM 2); None for models of images alone."""
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
        hq, memory = values.pop("hq"), values.pop("memory", None)
        return cls(
            **values,
            encoder=encoder,
            decoder=decoder,
            hq=HqConfig(**hq) if hq else None,
            memory=MemoryConfig(**memory) if memory else None,
        )


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


NANO_1 = ModelConfig(
    name="nano_1",
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
"""The bundled model of version 0.1; its file loads by its path."""

NANO = ModelConfig(
    name="nano",
    encoder=EfficientNetLiteConfig(),
    hq=HqConfig(fusion_width=64),
    image_size=512,
    padding=2,
    width=192,
    drawn_prompt_channels=32,
    decoder=DecoderConfig(mlp_width=1024, iou_width=192, smoothing=1),
    pixel_mean=(127.0, 127.0, 127.0),
    pixel_std=(128.0, 128.0, 128.0),
)
"""The bundled model."""


def sam_2(name: str, encoder: EncoderConfig, **changes: Any) -> ModelConfig:
    """Return the config of a SAM 2.1 with an encoder; `changes` are other fields."""
    usual: dict[str, Any] = {
        "fit": "squash",
        "mask_prompt_limit": 32.0,
        "pad_boxes": True,
        "decoder": DecoderConfig(bounded_iou=True, object_score=True, least_stability=0.98),
        "memory": MemoryConfig(),
    }
    return ModelConfig(name=name, encoder=encoder, **{**usual, **changes})


_SAM_2_0 = MemoryConfig(absent_object_map=False, pointer_times=False)
HQ_SAM_2 = HqConfig(fuse_encoder=False)

MODELS: dict[str, ModelConfig] = {
    "nano": NANO,
    "nano_1": NANO_1,
    "vit_tiny": ModelConfig(name="vit_tiny", encoder=OFFICIAL_TINY_VIT, hq=HqConfig()),
    **{name: ModelConfig(name=name, encoder=vit, hq=HqConfig()) for name, vit in VITS.items()},
    "mobile_sam": ModelConfig(name="mobile_sam", encoder=OFFICIAL_TINY_VIT),
    **{f"sam_{name}": ModelConfig(name=f"sam_{name}", encoder=vit) for name, vit in VITS.items()},
    **{f"sam2.1_{name}": sam_2(f"sam2.1_{name}", hiera) for name, hiera in HIERAS.items()},
    **{f"sam2_{name}": sam_2(f"sam2_{name}", hiera, memory=_SAM_2_0) for name, hiera in HIERAS.items()},
    **{f"hq_sam2_{name}": sam_2(f"hq_sam2_{name}", hiera, hq=HQ_SAM_2) for name, hiera in HIERAS.items()},
}
