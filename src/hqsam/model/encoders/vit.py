"""SAM's image encoder: a plain ViT, most blocks in windows, a few over the whole image."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hqsam.model.attention import attend_with_relative_positions
from hqsam.model.attention_ops import PLAIN_OPS, AttentionLayout, AttentionOps
from hqsam.model.config import VitConfig
from hqsam.model.features import ImageFeatures
from hqsam.model.layers import Mlp, Neck


class Vit(nn.Module):
    """Images to features at stride `patch`; the early feature leaves after the first global block."""

    def __init__(self, config: VitConfig, image_size: int, out_channels: int) -> None:
        super().__init__()
        self.early_block = config.global_blocks[0]
        self.patches = nn.Conv2d(3, config.width, config.patch, config.patch)
        grid = image_size // config.patch
        self.positions = nn.Parameter(torch.zeros(1, grid, grid, config.width))
        self.blocks = nn.ModuleList(
            VitBlock(config, grid, window=None if index in config.global_blocks else config.window)
            for index in range(config.depth)
        )
        self.neck = Neck(config.width, out_channels)

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> ImageFeatures:
        x = (self.patches(images).permute(0, 2, 3, 1) + self.positions).contiguous()  # channels last in memory, too
        early = x
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index == self.early_block:
                early = x
        return ImageFeatures(final=self.neck(x.permute(0, 3, 1, 2)), early=early.permute(0, 3, 1, 2))

    def prepare_for_inference(self, image_size: int, ops: AttentionOps = PLAIN_OPS) -> None:
        """Make it ready for inference, for good. There is nothing to fold."""
        for block in self.blocks:
            assert isinstance(block, VitBlock)
            block.attention.ops = ops


class VitBlock(nn.Module):
    """Attention, then an MLP, each on normalised input and added to it."""

    def __init__(self, config: VitConfig, grid: int, window: int | None) -> None:
        super().__init__()
        self.window = window
        self.attention_norm = nn.LayerNorm(config.width, eps=1e-6)
        self.attention = RelativeAttention(config.width, config.heads, window or grid)
        self.mlp_norm = nn.LayerNorm(config.width, eps=1e-6)
        self.mlp = Mlp([config.width, config.mlp_ratio * config.width, config.width], nn.GELU)

    def forward(self, x: Float[Tensor, "batch height width channel"]) -> Float[Tensor, "batch height width channel"]:
        x = x + self.attention(self.attention_norm(x), self.window)
        return x + self.mlp(self.mlp_norm(x))


class RelativeAttention(nn.Module):
    """Multi-head attention over a grid, with learned distances along rows and columns."""

    def __init__(self, width: int, heads: int, size: int) -> None:
        super().__init__()
        self.heads = heads
        self.ops: AttentionOps = PLAIN_OPS
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.row_distances = nn.Parameter(torch.zeros(2 * size - 1, width // heads))
        self.column_distances = nn.Parameter(torch.zeros(2 * size - 1, width // heads))

    def forward(
        self, x: Float[Tensor, "batch height width channel"], window: int | None = None
    ) -> Float[Tensor, "batch height width channel"]:
        """Over the whole grid, or in windows of a side."""
        size_hw = (x.shape[1], x.shape[2])
        layout = AttentionLayout(self.heads, qkv_order="by_part", window_hw=(window, window) if window else size_hw)
        # The grid is padded with zeros to whole windows, and the padding is attended to, as in the official code: the
        # weights were trained with it. What the padding gives is the bias alone, so only real places are projected; by
        # calling the layer, not by its weight, since LoRA may be wrapped around it, with or without a bias to ask for.
        bias = getattr(self.qkv, "bias", None)
        padding = self.qkv(x.new_zeros(x.shape[-1])) if bias is None else bias
        query, key, value = self.ops.split_heads(self.qkv(x), padding, layout)
        attended = attend_with_relative_positions(
            query, key, value, self.row_distances, self.column_distances, layout.window_hw, self.ops
        )
        return self.out(self.ops.merge_heads(attended, layout, size_hw))
