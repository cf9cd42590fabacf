"""Names of Hiera's tensors in SAM 2's checkpoints."""

from collections.abc import Mapping

from torch import Tensor

from hqsam.model.encoders.family import Outline, TensorNames, count_modules

TENSOR_NAMES = TensorNames(
    generation=2,
    rows="""
        trunk.positions                    trunk.pos_embed             backbone.pos_embed
        trunk.window_positions             trunk.pos_embed_window      backbone.pos_embed_window
        trunk.patches.*                    trunk.patch_embed.proj.*    backbone.patch_embed.projection.*
        trunk.blocks.{i}.attention_norm.*  trunk.blocks.{i}.norm1.*    backbone.blocks.{i}.layer_norm1.*
        trunk.blocks.{i}.mlp_norm.*        trunk.blocks.{i}.norm2.*    backbone.blocks.{i}.layer_norm2.*
        trunk.blocks.{i}.{layer}.*         trunk.blocks.{i}.{layer}.*  backbone.blocks.{i}.{layer}.*
        lateral.{i}.*                      neck.convs.{i}.conv.*       neck.convs.{i}.*
    """,
    words={
        "layer": (
            *("attention.qkv attn.qkv", "attention.out attn.proj", "shortcut proj"),
            *("mlp.0 mlp.layers.0 mlp.proj_in", "mlp.2 mlp.layers.1 mlp.proj_out"),
        ),
    },
)


def outline(tensors: Mapping[str, Tensor]) -> Outline | None:
    """Return the widths and depths of the Hiera in a file; None if there is none."""
    prefix = "image_encoder.trunk."
    if (patches := tensors.get(f"{prefix}patches.weight")) is None:
        return None
    blocks = count_modules(tensors, f"{prefix}blocks.")
    # A stage begins where the width changes, which takes a layer of its own.
    starts = [number for number in range(blocks) if f"{prefix}blocks.{number}.shortcut.weight" in tensors]
    ends = [*starts, blocks]
    widths = tuple(len(patches) << stage for stage in range(len(ends)))
    return widths, tuple(end - start for start, end in zip([0, *starts], ends, strict=True))
