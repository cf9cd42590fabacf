"""SAM's image encoder: a plain ViT, most blocks in windows, a few over the whole image."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from hqsam.model.attention_ops import PLAIN_OPS, AttentionLayout, AttentionOps
from hqsam.model.encoders.family import ImageEncoder
from hqsam.model.encoders.vit.config import VitConfig
from hqsam.model.features import ImageFeatures
from hqsam.model.layers import Mlp, Neck


class Vit(ImageEncoder):
    """SAM's ViT for whole squares; the early features leave after the first global block."""

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


class VitBlock(nn.Module):
    """Attention and an MLP, each on normalised input and added to it."""

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
        """Attend over the whole grid, or in windows of a side."""
        size_hw = (x.shape[1], x.shape[2])
        layout = AttentionLayout(self.heads, qkv_order="by_part", window_hw=(window, window) if window else size_hw)
        # The grid is padded with zeros to whole windows, and the padding is attended to, as in the official code: the
        # weights were trained with it. What the padding gives is the bias alone, so only real tokens are projected; by
        # calling the layer, not by its weight, since LoRA may be wrapped around it, with or without a bias to ask for.
        bias = getattr(self.qkv, "bias", None)
        padding = self.qkv(x.new_zeros(x.shape[-1])) if bias is None else bias
        query, key, value = self.ops.split_heads(self.qkv(x), padding, layout)
        by_row, by_column = decomposed_bias(query, self.row_distances, self.column_distances, layout.window_hw)
        attended = self.ops.attend_on_grid(query, key, value, by_row, by_column)
        return self.out(self.ops.merge_heads(attended, layout, size_hw))


def decomposed_bias(
    query: Float[Tensor, "window head token channel"],
    row_table: Float[Tensor, "row_distance channel"],
    column_table: Float[Tensor, "column_distance channel"],
    size_hw: tuple[int, int],
) -> tuple[Float[Tensor, "window head token height"], Float[Tensor, "window head token width"]]:
    """Return q . R_row and q . R_column: what each query adds for each row and each column (ViTDet, section A).

    The tables are multiplied by the unscaled query, as the official weights expect.
    """
    height, width = size_hw
    unscaled = query.shape[-1] ** 0.5
    grid = query.unflatten(2, size_hw)
    by_row = torch.einsum("nhyxc,ykc->nhyxk", grid, relative_rows(row_table * unscaled, height).to(query.dtype))
    by_column = torch.einsum("nhyxc,xkc->nhyxk", grid, relative_rows(column_table * unscaled, width).to(query.dtype))
    return by_row.flatten(2, 3), by_column.flatten(2, 3)


def relative_rows(table: Float[Tensor, "distance channel"], size: int) -> Float[Tensor, "size size channel"]:
    """Look up a table's row for each (query, key) pair of positions along one axis.

    The table holds distances -(S-1) to S-1 for the size S that it was trained at; another size interpolates it.
    """
    wanted = 2 * size - 1
    if len(table) != wanted:
        resized = F.interpolate(table.T[None].float(), size=wanted, mode="linear")
        table = resized[0].T.to(table.dtype)
    return table[_distances(size, table.device)]


def _distances(size: int, device: torch.device) -> Int[Tensor, "query key"]:
    position = torch.arange(size, device=device)
    return position[:, None] - position[None, :] + size - 1
