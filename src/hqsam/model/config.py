"""Every size of every model. To add a model is to add a row."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class VitConfig:
    """A plain ViT with windows and decomposed relative positions (Li et al., ViTDet)."""

    width: int
    depth: int
    heads: int
    global_blocks: tuple[int, ...]
    """Blocks that see the whole image. The first feeds the HQ features."""
    patch: int = 16
    window: int = 14
    mlp_ratio: int = 4

    @property
    def stride(self) -> int:
        return self.patch

    @property
    def early_width(self) -> int:
        return self.width

    @property
    def early_stride(self) -> int:
        return self.patch


@dataclass(frozen=True, kw_only=True)
class TinyVitConfig:
    """TinyViT (Wu et al., 2022): convolutions at stride 4, then three stages of windowed attention."""

    widths: tuple[int, int, int, int] = (64, 128, 160, 320)
    depths: tuple[int, int, int, int] = (2, 2, 6, 2)
    heads: tuple[int, int, int, int] = (2, 4, 5, 10)
    windows: tuple[int, int, int, int] = (7, 7, 14, 7)
    """Side of the attention windows per stage, in tokens. A grid smaller than its window is one window."""
    even_windows: bool = False
    """Share a grid out evenly among as few windows as it needs, instead of whole ones that stick out of it."""
    merge_strides: tuple[int, int, int] = (2, 2, 1)
    """How much each patch merging shrinks the grid."""
    attention_biases: bool = True
    """Add the learned biases to attention. See `OFFICIAL_TINY_VIT` for the models that are run without."""
    expand: int = 4
    mlp_ratio: int = 4
    early_stage: int = 1
    """The stage whose output feeds the HQ features."""
    early_after_merging: bool = True
    """Take that output after its patch merging, as HQ-SAM's tiny model does, or before it, where detail is finer."""

    @property
    def stride(self) -> int:
        return 4 * self.merge_strides[0] * self.merge_strides[1] * self.merge_strides[2]

    @property
    def early_width(self) -> int:
        return self.widths[self.early_stage + self.early_after_merging]

    @property
    def early_stride(self) -> int:
        stride = 4
        for merge in self.merge_strides[: self.early_stage + self.early_after_merging]:
            stride *= merge
        return stride


@dataclass(frozen=True, kw_only=True)
class DecoderConfig:
    """SAM's mask decoder: a two-way transformer between a few tokens and the image."""

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
    """HQ-SAM's addition (paper, section 3.2)."""

    fusion_width: int = 64
    """Channels between the two 3x3 convolutions over the decoder's mask features."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """A whole model. `hq=None` is plain SAM."""

    name: str
    encoder: VitConfig | TinyVitConfig
    hq: HqConfig | None = None
    image_size: int = 1024
    """Side of the square that prompts and masks lie in, in pixels; the photo's long side is scaled to it."""
    padding: int | None = None
    """Tokens of padding that the encoder sees below and beside a photo; None: up to the whole square, as SAM does."""
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
        """A JSON-ready copy; `from_dict` reads it back."""
        return {**asdict(self), "family": _FAMILY_OF[type(self.encoder)]}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "ModelConfig":
        """Rebuild a config from `to_dict`'s answer (lists may stand for tuples)."""
        values = {key: _tuples(value) for key, value in values.items()}
        family = _FAMILIES[values.pop("family")]
        encoder = family(**{key: _tuples(value) for key, value in values.pop("encoder").items()})
        decoder = DecoderConfig(**values.pop("decoder"))
        hq = values.pop("hq")
        return cls(**values, encoder=encoder, decoder=decoder, hq=HqConfig(**hq) if hq else None)


_FAMILIES = {"vit": VitConfig, "tiny_vit": TinyVitConfig}
_FAMILY_OF = {config: name for name, config in _FAMILIES.items()}


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


VITS = {
    "vit_b": VitConfig(width=768, depth=12, heads=12, global_blocks=(2, 5, 8, 11)),
    "vit_l": VitConfig(width=1024, depth=24, heads=16, global_blocks=(5, 11, 17, 23)),
    "vit_h": VitConfig(width=1280, depth=32, heads=16, global_blocks=(7, 15, 23, 31)),
}

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

OFFICIAL_TINY_VIT = TinyVitConfig(attention_biases=False)
"""TinyViT as the official builders leave it: without the biases that it was trained with.

Its attention copies the biases when it is put into evaluation mode, and the builders do that before they load the
weights, so the copies stay zero until the caller calls `eval()` once more. The authors advise to (SysCV/sam-hq#44).
What the builders return is what we are held to, so these rows follow them; the drop-in classes of
`integrations.segment_anything` use the biases from the caller's `eval()` on, as the official ones do.
"""

MODELS: dict[str, ModelConfig] = {
    "nano": NANO,
    "vit_tiny": ModelConfig(name="vit_tiny", encoder=OFFICIAL_TINY_VIT, hq=HqConfig()),
    **{name: ModelConfig(name=name, encoder=vit, hq=HqConfig()) for name, vit in VITS.items()},
    "mobile_sam": ModelConfig(name="mobile_sam", encoder=OFFICIAL_TINY_VIT),
    **{f"sam_{name}": ModelConfig(name=f"sam_{name}", encoder=vit) for name, vit in VITS.items()},
}
