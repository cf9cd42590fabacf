"""The settings of Hugging Face's Sam2VideoModel for the memory of a video, from and to ours."""

from collections.abc import Mapping
from typing import Any

from hqsam.errors import CheckpointError
from hqsam.model.config import ModelConfig
from hqsam.model.memory.config import MemoryConfig

_USUAL = MemoryConfig()


def memory_from_transformers(values: Mapping[str, Any], width: int) -> MemoryConfig:
    """Return the sizes of the memory in the config of a Sam2VideoModel whose embedding has `width` channels.

    Raises:
        CheckpointError: it has a setting that our memory cannot have.
    """
    memory = MemoryConfig(
        width=values.get("memory_encoder_output_channels", _USUAL.width),
        frames=values.get("num_maskmem", _USUAL.frames),
        pointers=values.get("max_object_pointers_in_encoder", _USUAL.pointers),
        depth=values.get("memory_attention_num_layers", _USUAL.depth),
        mlp_width=values.get("memory_attention_feed_forward_hidden_size", _USUAL.mlp_width),
        encoder_depth=values.get("memory_fuser_num_layers", _USUAL.encoder_depth),
        absent_object_map=values.get("enable_occlusion_spatial_embedding", True),
        pointer_times=values.get("enable_temporal_pos_encoding_for_object_pointers", True),
    )
    for key, value in {**_of_width(width), **_FIXED}.items():
        if values.get(key, value) != value:
            raise CheckpointError(f"config.json has {key} = {values[key]!r}; expected {value!r}")
    return memory


def memory_to_transformers(memory: MemoryConfig, config: ModelConfig) -> dict[str, Any]:
    """Return the settings by which Sam2VideoModel builds this memory."""
    side = config.embedding_size
    return {
        "image_size": config.image_size,
        "memory_encoder_output_channels": memory.width,
        "num_maskmem": memory.frames,
        "max_object_pointers_in_encoder": memory.pointers,
        "memory_attention_num_layers": memory.depth,
        "memory_attention_feed_forward_hidden_size": memory.mlp_width,
        "memory_fuser_num_layers": memory.encoder_depth,
        "memory_attention_rope_feat_sizes": [side, side],
        "enable_occlusion_spatial_embedding": memory.absent_object_map,
        "enable_temporal_pos_encoding_for_object_pointers": memory.pointer_times,
        **_of_width(config.width),
        **_FIXED,
    }


def _of_width(width: int) -> dict[str, int]:
    return {
        "memory_attention_hidden_size": width,
        "memory_encoder_hidden_size": width,
        "mask_downsampler_embed_dim": width,
        "memory_fuser_embed_dim": width,
        "memory_fuser_intermediate_dim": 4 * width,
    }


_FIXED = {
    "memory_attention_num_attention_heads": 1,
    "memory_attention_downsample_rate": 1,
    "memory_attention_feed_forward_hidden_act": "relu",
    "mask_downsampler_kernel_size": 3,
    "mask_downsampler_stride": 2,
    "mask_downsampler_padding": 1,
    "mask_downsampler_total_stride": 16,
    "mask_downsampler_hidden_act": "gelu",
    "memory_fuser_kernel_size": 7,
    "memory_fuser_padding": 3,
    "memory_fuser_hidden_act": "gelu",
    "sigmoid_scale_for_mem_enc": 20.0,
    "sigmoid_bias_for_mem_enc": -10.0,
    "max_cond_frame_num": -1,
    "multimask_output_in_sam": True,
    "multimask_output_for_tracking": True,
    "multimask_min_pt_num": 0,
    "multimask_max_pt_num": 1,
}
"""Settings that our memory cannot vary."""
