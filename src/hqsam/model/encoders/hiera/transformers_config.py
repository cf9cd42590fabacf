"""The `vision_config` of Hugging Face's Sam2Model, from and to ours."""

from collections.abc import Mapping
from typing import Any

from hqsam.model.encoders.family import TransformersVision
from hqsam.model.encoders.hiera.config import HieraConfig

_BACKBONE = {
    "model_type": "sam2_hiera_det_model",
    "hidden_size": 96,
    "num_attention_heads": 1,
    "blocks_per_stage": [1, 2, 7, 2],
    "embed_dim_per_stage": [96, 192, 384, 768],
    "num_attention_heads_per_stage": [1, 2, 4, 8],
    "global_attention_blocks": [5, 7, 9],
    "window_size_per_stage": [8, 4, 14, 7],
    "window_positional_embedding_background_size": [7, 7],
    "image_size": [1024, 1024],
    "mlp_ratio": 4.0,
    "num_query_pool_stages": 3,
    "query_stride": [2, 2],
    "patch_kernel_size": [7, 7],
    "patch_stride": [4, 4],
    "patch_padding": [3, 3],
    "hidden_act": "gelu",
}
"""What transformers' backbone is where its section says nothing."""


def _read(vision: Mapping[str, Any]) -> HieraConfig:
    backbone = {**_BACKBONE, **vision["backbone_config"]}
    heads, width = backbone["num_attention_heads"], backbone["hidden_size"]
    hiera = HieraConfig(
        width=width,
        heads=heads,
        depths=tuple(backbone["blocks_per_stage"]),
        global_blocks=tuple(backbone["global_attention_blocks"]),
        windows=tuple(backbone["window_size_per_stage"]),
        position_size=backbone["window_positional_embedding_background_size"][0],
        mlp_ratio=int(backbone["mlp_ratio"]),
    )
    written = _backbone(hiera)
    for key in (key for key in written if key not in ("model_type", "image_size")):
        if backbone[key] != written[key]:
            raise ValueError(f"backbone_config has {key} = {backbone[key]!r}; expected {written[key]!r}")
    return hiera


def _write(hiera: HieraConfig) -> dict[str, Any]:
    return {"backbone_config": _backbone(hiera), "backbone_channel_list": list(reversed(hiera.widths))}


def _backbone(hiera: HieraConfig) -> dict[str, Any]:
    return {
        **_BACKBONE,
        "hidden_size": hiera.width,
        "num_attention_heads": hiera.heads,
        "blocks_per_stage": list(hiera.depths),
        "embed_dim_per_stage": list(hiera.widths),
        "num_attention_heads_per_stage": [hiera.heads << stage for stage in range(4)],
        "global_attention_blocks": list(hiera.global_blocks),
        "window_size_per_stage": list(hiera.windows),
        "window_positional_embedding_background_size": [hiera.position_size] * 2,
        "mlp_ratio": float(hiera.mlp_ratio),
    }


TRANSFORMERS = TransformersVision(
    defaults={
        "backbone_config": {},
        "fpn_hidden_size": 256,
        "fpn_kernel_size": 1,
        "fpn_stride": 1,
        "fpn_padding": 0,
        "fpn_top_down_levels": [2, 3],
        "num_feature_levels": 3,
        "hidden_act": "gelu",
    },
    fixed=("fpn_kernel_size", "fpn_stride", "fpn_padding", "fpn_top_down_levels", "num_feature_levels", "hidden_act"),
    read=_read,
    write=_write,
)
