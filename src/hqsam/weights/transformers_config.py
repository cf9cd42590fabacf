"""The `config.json` of Hugging Face's SamModel and SamHQModel, from and to ours."""

from collections.abc import Iterable, Mapping
from typing import Any

from hqsam.errors import CheckpointError
from hqsam.model.config import DecoderConfig, HqConfig, ModelConfig
from hqsam.model.encoders import FAMILIES, family_of

_DEFAULTS = {
    "prompt_encoder_config": {"mask_input_channels": 16},
    "mask_decoder_config": {
        "mlp_dim": 2048,
        "num_hidden_layers": 2,
        "num_attention_heads": 8,
        "attention_downsample_rate": 2,
        "num_multimask_outputs": 3,
        "iou_head_depth": 3,
        "iou_head_hidden_dim": 256,
        "hidden_act": "relu",
    },
}
"""Values that a config file which leaves them out means."""
_FIXED = ("hidden_act",)
"""Keys whose value our decoder cannot vary."""
_FAMILIES = {"sam": "vit", "sam_hq": "vit"}
"""The family of each model type's encoder."""


def from_transformers(values: Mapping[str, Any], name: str = "custom") -> ModelConfig:
    """Return our config of a SamModel or SamHQModel.

    Raises:
        CheckpointError: it describes something that our model cannot be.
    """
    kind = values.get("model_type")
    if kind not in _FAMILIES:
        raise CheckpointError(f"config.json is of a {kind!r}; expected 'sam' or 'sam_hq'")
    transformers = FAMILIES[_FAMILIES[kind]].transformers
    assert transformers is not None
    vision = _section(values, "vision_config", transformers.defaults, transformers.fixed)
    prompt, decoder = (_section(values, section, defaults, _FIXED) for section, defaults in _DEFAULTS.items())
    width = vision["output_channels"]
    return ModelConfig(
        name=name,
        encoder=transformers.read(vision),
        hq=HqConfig(fusion_width=width // 4) if kind == "sam_hq" else None,
        image_size=vision["image_size"],
        width=width,
        mask_prompt_channels=prompt["mask_input_channels"],
        decoder=DecoderConfig(
            depth=decoder["num_hidden_layers"],
            heads=decoder["num_attention_heads"],
            mlp_width=decoder["mlp_dim"],
            attention_shrink=decoder["attention_downsample_rate"],
            candidates=decoder["num_multimask_outputs"],
            iou_depth=decoder["iou_head_depth"],
            iou_width=decoder["iou_head_hidden_dim"],
        ),
    )


def to_transformers(config: ModelConfig) -> dict[str, Any]:
    """Return the `config.json` that makes transformers build this model.

    Raises:
        CheckpointError: transformers has no such model.
    """
    family, decoder = family_of(config.encoder), config.decoder
    if family.transformers is None:
        raise CheckpointError(
            f"transformers' SAM has no {family.title} encoder, so {config.name} cannot be written for it"
        )
    kind = "sam_hq" if config.hq else "sam"
    return {
        "architectures": ["SamHQModel" if config.hq else "SamModel"],
        "model_type": kind,
        "vision_config": {
            **family.transformers.defaults,
            **family.transformers.write(config.encoder),
            "model_type": f"{kind}_vision_model",
            "image_size": config.image_size,
            "output_channels": config.width,
            "num_pos_feats": config.width // 2,
        },
        "prompt_encoder_config": {
            "hidden_size": config.width,
            "image_size": config.image_size,
            "patch_size": config.stride,
            "image_embedding_size": config.embedding_size,
            "mask_input_channels": config.mask_prompt_channels,
        },
        "mask_decoder_config": {
            "hidden_size": config.width,
            "hidden_act": "relu",
            "num_hidden_layers": decoder.depth,
            "num_attention_heads": decoder.heads,
            "mlp_dim": decoder.mlp_width,
            "attention_downsample_rate": decoder.attention_shrink,
            "num_multimask_outputs": decoder.candidates,
            "iou_head_depth": decoder.iou_depth,
            "iou_head_hidden_dim": decoder.iou_width,
            **({"vit_dim": config.encoder.early_width} if config.hq else {}),
        },
    }


def preprocessor_for(config: ModelConfig) -> dict[str, Any]:
    """Return the `preprocessor_config.json` that makes transformers prepare images as we do."""
    return {
        "image_processor_type": "SamImageProcessor",
        "processor_class": "SamHQProcessor" if config.hq else "SamProcessor",
        "do_resize": True,
        "size": {"longest_edge": config.image_size},
        "mask_size": {"longest_edge": config.mask_size},
        "do_pad": True,
        "pad_size": {"height": config.image_size, "width": config.image_size},
        "mask_pad_size": {"height": config.mask_size, "width": config.mask_size},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [mean / 255 for mean in config.pixel_mean],
        "image_std": [deviation / 255 for deviation in config.pixel_std],
        "do_convert_rgb": True,
        "resample": 2,
    }


def _section(
    values: Mapping[str, Any], section: str, defaults: Mapping[str, Any], fixed: Iterable[str]
) -> dict[str, Any]:
    merged = {**defaults, **(values.get(section) or {})}
    for key in fixed:
        if key in defaults and merged[key] != defaults[key]:
            raise CheckpointError(f"config.json has {key} = {merged[key]!r}; expected {defaults[key]!r}")
    return merged
