"""Layers of the official ViT, for encoders that callers build of them; `ImageEncoderViT` has hqsam's own.

Grids are [B, height, width, channels].
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from hqsam.integrations.segment_anything.modeling.common import MLPBlock
from hqsam.model.attention_ops import from_windows, to_windows


class PatchEmbed(nn.Module):
    """Projection of an image [B, 3, H, W] to a grid of patches."""

    def __init__(
        self,
        kernel_size: tuple[int, int] = (16, 16),
        stride: tuple[int, int] = (16, 16),
        padding: tuple[int, int] = (0, 0),
        in_chans: int = 3,
        embed_dim: int = 768,
    ) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_chans, embed_dim, kernel_size, stride, padding)

    def forward(self, x: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch rows columns embed"]:
        return self.proj(x).permute(0, 2, 3, 1)


class Attention(nn.Module):
    """Multi-head attention over a grid, with relative positions if `use_rel_pos`."""

    def __init__(
        self,
        dim: int,
        num_heads: int = 8,
        qkv_bias: bool = True,
        use_rel_pos: bool = False,
        rel_pos_zero_init: bool = True,
        input_size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.num_heads, self.scale, self.use_rel_pos = num_heads, (dim // num_heads) ** -0.5, use_rel_pos
        self.qkv = nn.Linear(dim, 3 * dim, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim)
        if use_rel_pos:
            assert input_size is not None, "relative positions need input_size, the height and width of the grid"
            self.rel_pos_h, self.rel_pos_w = (
                nn.Parameter(torch.zeros(2 * size - 1, dim // num_heads)) for size in input_size
            )

    def forward(self, x: Float[Tensor, "batch height width channel"]) -> Float[Tensor, "batch height width channel"]:
        size_hw = (x.shape[1], x.shape[2])
        parts = self.qkv(x.flatten(1, 2)).unflatten(-1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = parts.flatten(1, 2)
        attention = query * self.scale @ key.mT
        if self.use_rel_pos:
            attention = add_decomposed_rel_pos(attention, query, self.rel_pos_h, self.rel_pos_w, size_hw, size_hw)
        attended = (attention.softmax(dim=-1) @ value).unflatten(0, (len(x), self.num_heads))
        return self.proj(attended.transpose(1, 2).flatten(2).unflatten(1, size_hw))


class Block(nn.Module):
    """Attention in windows, or over the whole grid if `window_size` is 0, then an MLP."""

    def __init__(
        self,
        dim: int,
        num_heads: int,
        mlp_ratio: float = 4.0,
        qkv_bias: bool = True,
        norm_layer: type[nn.Module] = nn.LayerNorm,
        act_layer: type[nn.Module] = nn.GELU,
        use_rel_pos: bool = False,
        rel_pos_zero_init: bool = True,
        window_size: int = 0,
        input_size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        grid = (window_size, window_size) if window_size else input_size
        self.norm1, self.norm2 = norm_layer(dim), norm_layer(dim)
        self.attn = Attention(dim, num_heads, qkv_bias, use_rel_pos, rel_pos_zero_init, grid)
        self.mlp = MLPBlock(dim, int(dim * mlp_ratio), act_layer)
        self.window_size = window_size

    def forward(self, x: Float[Tensor, "batch height width channel"]) -> Float[Tensor, "batch height width channel"]:
        normed = self.norm1(x)
        if self.window_size:
            windows, padded_hw = window_partition(normed, self.window_size)
            size_hw = (x.shape[1], x.shape[2])
            x = x + window_unpartition(self.attn(windows), self.window_size, padded_hw, size_hw)
        else:
            x = x + self.attn(normed)
        return x + self.mlp(self.norm2(x))


def window_partition(
    x: Float[Tensor, "batch height width channel"], window_size: int
) -> tuple[Float[Tensor, "window side side channel"], tuple[int, int]]:
    """Cut grids into windows, padded with zeros below and to the right; also return the padded height and width."""
    padded = (x.shape[1] + -x.shape[1] % window_size, x.shape[2] + -x.shape[2] % window_size)
    return to_windows(x, (window_size, window_size)), padded


def window_unpartition(
    windows: Float[Tensor, "window side side channel"], window_size: int, pad_hw: tuple[int, int], hw: tuple[int, int]
) -> Float[Tensor, "batch height width channel"]:
    """Put windows back together into grids of height and width `hw`, without the padding."""
    return from_windows(windows, hw)


def get_rel_pos(
    q_size: int, k_size: int, rel_pos: Float[Tensor, "distance channel"]
) -> Float[Tensor, "query key channel"]:
    """Return the row of a table of relative positions for each pair of query and key, interpolated if need be."""
    distances = 2 * max(q_size, k_size) - 1
    if len(rel_pos) != distances:
        rel_pos = F.interpolate(rel_pos.T[None], size=distances, mode="linear")[0].T
    query = torch.arange(q_size, device=rel_pos.device)[:, None] * max(k_size / q_size, 1.0)
    key = torch.arange(k_size, device=rel_pos.device)[None, :] * max(q_size / k_size, 1.0)
    return rel_pos[(query - key + (k_size - 1) * max(q_size / k_size, 1.0)).long()]


def add_decomposed_rel_pos(
    attn: Float[Tensor, "batch query key"],
    q: Float[Tensor, "batch query channel"],
    rel_pos_h: Float[Tensor, "row_distance channel"],
    rel_pos_w: Float[Tensor, "column_distance channel"],
    q_size: tuple[int, int],
    k_size: tuple[int, int],
) -> Float[Tensor, "batch query key"]:
    """Add decomposed relative positions to the logits of attention, for queries that are not scaled."""
    grid = q.unflatten(1, q_size)
    by_row = torch.einsum("bhwc,hkc->bhwk", grid, get_rel_pos(q_size[0], k_size[0], rel_pos_h))
    by_column = torch.einsum("bhwc,wkc->bhwk", grid, get_rel_pos(q_size[1], k_size[1], rel_pos_w))
    bias = by_row[..., :, None] + by_column[..., None, :]
    return attn + bias.flatten(3).flatten(1, 2)
