"""The `vision_config` of Hugging Face's SamModel and SamHQModel, from and to ours."""

from collections.abc import Mapping
from typing import Any

from hqsam.model.encoders.family import TransformersVision
from hqsam.model.encoders.vit.config import VitConfig


def _read(vision: Mapping[str, Any]) -> VitConfig:
    width = vision["hidden_size"]
    return VitConfig(
        width=width,
        depth=vision["num_hidden_layers"],
        heads=vision["num_attention_heads"],
        global_blocks=tuple(vision["global_attn_indexes"]),
        patch=vision["patch_size"],
        window=vision["window_size"],
        mlp_ratio=int((vision.get("mlp_dim") or vision["mlp_ratio"] * width) / width),
    )


def _write(vit: VitConfig) -> dict[str, Any]:
    return {
        "hidden_size": vit.width,
        "num_hidden_layers": vit.depth,
        "num_attention_heads": vit.heads,
        "patch_size": vit.patch,
        "window_size": vit.window,
        "global_attn_indexes": list(vit.global_blocks),
        "mlp_ratio": float(vit.mlp_ratio),
        "mlp_dim": vit.mlp_ratio * vit.width,
    }


TRANSFORMERS = TransformersVision(
    defaults={
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "image_size": 1024,
        "patch_size": 16,
        "window_size": 14,
        "global_attn_indexes": [2, 5, 8, 11],
        "output_channels": 256,
        "mlp_ratio": 4.0,
        "hidden_act": "gelu",
        "qkv_bias": True,
        "use_abs_pos": True,
        "use_rel_pos": True,
    },
    fixed=("hidden_act", "qkv_bias", "use_abs_pos", "use_rel_pos"),
    read=_read,
    write=_write,
)
