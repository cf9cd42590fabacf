"""Names of TinyViT's tensors in checkpoints."""

from collections.abc import Mapping

from torch import Tensor

from hqsam.model.encoders.family import Outline, TensorNames, count_modules

TENSOR_NAMES = TensorNames(
    rows="""
        stem.{i}.{unit}.*             patch_embed.seq.{i}.{unit}.* -
        stages.{i}.{merge}.{unit}.*   layers.{i}.{merge}.{unit}.*  -
        stages.{i}.blocks.{j}.{convolution}.{unit}.* layers.{i}.blocks.{j}.{convolution}.{unit}.* -
        stages.{i}.blocks.{j}.{window}.*      layers.{i}.blocks.{j}.{window}.*            -
        stages.{i}.blocks.{j}.attention.bias  layers.{i}.blocks.{j}.attn.attention_biases -
    """,
    words={
        "unit": ("conv c", "norm bn"),
        "merge": ("merge.0 downsample.conv1", "merge.2 downsample.conv2", "merge.4 downsample.conv3"),
        "convolution": ("widen conv1", "mix conv2", "narrow conv3"),
        "window": (
            *("attention.norm attn.norm", "attention.qkv attn.qkv", "attention.out attn.proj"),
            *("local.conv local_conv.c", "local.norm local_conv.bn"),
            *("mlp_norm mlp.norm", "mlp.0 mlp.fc1", "mlp.2 mlp.fc2"),
        ),
    },
    # Its classifier, and buffers that some versions store though they are constants.
    unused={"official": r"image_encoder\.(norm_head|head)\..+|.+\.attention_bias_idxs|.+\.attn\.ab"},
)


def outline(tensors: Mapping[str, Tensor]) -> Outline | None:
    """Return the widths and depths of the TinyViT in a file; None if there is none."""
    prefix = "image_encoder.stages."
    if (stem := tensors.get("image_encoder.stem.2.conv.weight")) is None:
        return None
    stages = range(count_modules(tensors, prefix))
    depths = tuple(count_modules(tensors, f"{prefix}{stage}.blocks.") for stage in stages)
    later = [tensors.get(f"{prefix}{stage}.blocks.0.local.conv.weight") for stage in stages[1:]]
    return tuple(len(weight) for weight in (stem, *later) if weight is not None), depths
