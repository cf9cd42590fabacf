"""The `config.json` of Hugging Face's SamModel, SamHQModel and Sam2Model, from and to ours."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from hqsam.errors import CheckpointError
from hqsam.model.config import DecoderConfig, HqConfig, ModelConfig, sam_2
from hqsam.model.encoders import FAMILIES, family_of
from hqsam.model.encoders.family import EncoderConfig, TransformersVision
from hqsam.model.mask_decoder import STABILITY_OFFSET
from hqsam.weights.transformers_memory import memory_from_transformers, memory_to_transformers

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
_FAMILIES = {"sam": "vit", "sam_hq": "vit", "sam2": "hiera", "sam2_video": "hiera"}
"""The family of each model type's encoder."""
_STABILITY = {
    "dynamic_multimask_via_stability": True,
    "dynamic_multimask_stability_delta": STABILITY_OFFSET,
    "dynamic_multimask_stability_thresh": 0.98,
}
"""SAM 2's settings of the mask that answers a clear prompt."""


def from_transformers(values: Mapping[str, Any], name: str = "custom") -> ModelConfig:
    """Return our config of a SamModel, SamHQModel, Sam2Model or Sam2VideoModel.

    Raises:
        CheckpointError: it describes something that our model cannot be.
    """
    kind = values.get("model_type")
    if kind not in _FAMILIES:
        raise CheckpointError(f"config.json is of a {kind!r}; expected one of {', '.join(_FAMILIES)}")
    transformers = FAMILIES[_FAMILIES[kind]].transformers
    assert transformers is not None
    vision = _section(values, "vision_config", transformers.defaults, transformers.fixed)
    if _FAMILIES[kind] == "hiera":
        return _second_generation(values, transformers.read(vision), vision["fpn_hidden_size"], name)
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


def _second_generation(values: Mapping[str, Any], encoder: EncoderConfig, width: int, name: str) -> ModelConfig:
    prompt, decoder = (_section(values, section, defaults, ()) for section, defaults in _DEFAULTS.items())
    stability = {**_STABILITY, **(values.get("mask_decoder_config") or {})}
    if stability["dynamic_multimask_stability_delta"] != STABILITY_OFFSET:
        raise CheckpointError(
            f"config.json has dynamic_multimask_stability_delta = {stability['dynamic_multimask_stability_delta']!r}; "
            f"expected {STABILITY_OFFSET}"
        )
    least = stability["dynamic_multimask_stability_thresh"] if stability["dynamic_multimask_via_stability"] else 0.0
    usual = sam_2(name, encoder)
    return replace(
        usual,
        image_size=prompt.get("image_size", 1024),
        width=width,
        mask_prompt_channels=prompt["mask_input_channels"],
        decoder=replace(
            usual.decoder,
            depth=decoder["num_hidden_layers"],
            heads=decoder["num_attention_heads"],
            mlp_width=decoder["mlp_dim"],
            attention_shrink=decoder["attention_downsample_rate"],
            candidates=decoder["num_multimask_outputs"],
            iou_depth=decoder["iou_head_depth"],
            iou_width=decoder["iou_head_hidden_dim"],
            least_stability=least,
        ),
        memory=memory_from_transformers(values, width) if values["model_type"] == "sam2_video" else None,
    )


def to_transformers(config: ModelConfig) -> dict[str, Any]:
    """Return the `config.json` that makes transformers build this model.

    Raises:
        CheckpointError: transformers has no such model.
    """
    family = family_of(config.encoder)
    if family.transformers is None:
        raise CheckpointError(
            f"transformers' SAM has no {family.title} encoder, so {config.name} cannot be written for it"
        )
    if family.tensor_names.generation == 2:
        return _to_second_generation(config, family.transformers)
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
            **_decoder_sizes(config),
            "hidden_act": "relu",
            **({"vit_dim": config.encoder.early_width} if config.hq else {}),
        },
    }


def _to_second_generation(config: ModelConfig, transformers: TransformersVision) -> dict[str, Any]:
    if config.hq is not None:
        raise CheckpointError(f"transformers' SAM 2 has no HQ token, so {config.name} cannot be written for it")
    vision, side, memory = transformers.write(config.encoder), config.embedding_size, config.memory
    kind = "sam2_video" if memory else "sam2"
    return {
        "architectures": ["Sam2VideoModel" if memory else "Sam2Model"],
        "model_type": kind,
        **(memory_to_transformers(memory, config) if memory else {}),
        "vision_config": {
            **transformers.defaults,
            **vision,
            "backbone_config": {**vision["backbone_config"], "image_size": [config.image_size] * 2},
            "model_type": "sam2_vision_model",
            "fpn_hidden_size": config.width,
            "backbone_feature_sizes": [[side * times, side * times] for times in (4, 2, 1)],
        },
        "prompt_encoder_config": {
            "model_type": f"{kind}_prompt_encoder",
            "hidden_size": config.width,
            "image_size": config.image_size,
            "patch_size": config.stride,
            "mask_input_channels": config.mask_prompt_channels,
        },
        "mask_decoder_config": {
            **_decoder_sizes(config),
            "model_type": f"{kind}_mask_decoder",
            **_STABILITY,
            "dynamic_multimask_via_stability": config.decoder.least_stability > 0,
            **(
                {"dynamic_multimask_stability_thresh": config.decoder.least_stability}
                if config.decoder.least_stability
                else {}
            ),
        },
    }


def _decoder_sizes(config: ModelConfig) -> dict[str, Any]:
    decoder = config.decoder
    return {
        "hidden_size": config.width,
        "num_hidden_layers": decoder.depth,
        "num_attention_heads": decoder.heads,
        "mlp_dim": decoder.mlp_width,
        "attention_downsample_rate": decoder.attention_shrink,
        "num_multimask_outputs": decoder.candidates,
        "iou_head_depth": decoder.iou_depth,
        "iou_head_hidden_dim": decoder.iou_width,
    }


def _second_preprocessor(config: ModelConfig) -> dict[str, Any]:
    return {
        "image_processor_type": "Sam2ImageProcessorFast",
        "processor_class": "Sam2Processor",
        "size": {"height": config.image_size, "width": config.image_size},
        "mask_size": {"height": config.mask_size, "width": config.mask_size},
        **_colours(config),
    }


def _colours(config: ModelConfig) -> dict[str, Any]:
    """Return the settings of an image processor that do not depend on how images fit into the square."""
    return {
        "do_resize": True,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [mean / 255 for mean in config.pixel_mean],
        "image_std": [deviation / 255 for deviation in config.pixel_std],
        "do_convert_rgb": True,
        "resample": 2,
    }


def preprocessor_for(config: ModelConfig) -> dict[str, Any]:
    """Return the `preprocessor_config.json` that makes transformers prepare images as we do."""
    if config.fit == "squash":
        return _second_preprocessor(config)
    return {
        "image_processor_type": "SamImageProcessor",
        "processor_class": "SamHQProcessor" if config.hq else "SamProcessor",
        "size": {"longest_edge": config.image_size},
        "mask_size": {"longest_edge": config.mask_size},
        "do_pad": True,
        "pad_size": {"height": config.image_size, "width": config.image_size},
        "mask_pad_size": {"height": config.mask_size, "width": config.mask_size},
        **_colours(config),
    }


def _section(
    values: Mapping[str, Any], section: str, defaults: Mapping[str, Any], fixed: Iterable[str]
) -> dict[str, Any]:
    merged = {**defaults, **(values.get(section) or {})}
    for key in fixed:
        if key in defaults and merged[key] != defaults[key]:
            raise CheckpointError(f"config.json has {key} = {merged[key]!r}; expected {defaults[key]!r}")
    return merged
