"""Names of the ViTs' tensors in checkpoints."""

from collections.abc import Mapping

from torch import Tensor

from hqsam.model.encoders.family import Outline, TensorNames, count_modules

TENSOR_NAMES = TensorNames(
    rows="""
        positions                     pos_embed                   pos_embed
        patches.*                     patch_embed.proj.*          patch_embed.projection.*
        blocks.{i}.attention_norm.*   blocks.{i}.norm1.*          layers.{i}.layer_norm1.*
        blocks.{i}.{attention}        blocks.{i}.{attention}      layers.{i}.{attention}
        blocks.{i}.mlp_norm.*         blocks.{i}.norm2.*          layers.{i}.layer_norm2.*
        blocks.{i}.{mlp}.*            blocks.{i}.{mlp}.*          layers.{i}.{mlp}.*
    """,
    words={
        "attention": (
            "attention.qkv.* attn.qkv.*",
            "attention.out.* attn.proj.*",
            "attention.row_distances attn.rel_pos_h",
            "attention.column_distances attn.rel_pos_w",
        ),
    },
)


def outline(tensors: Mapping[str, Tensor]) -> Outline | None:
    """Return the width and the depth of the ViT in a file; None if there is none."""
    if (positions := tensors.get("image_encoder.positions")) is None:
        return None
    return (positions.shape[-1],), (count_modules(tensors, "image_encoder.blocks."),)
