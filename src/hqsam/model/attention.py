"""Attention with relative positions, in windows and over whole images."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

_SMALL = 256 * 256
"""On a CPU, attention maps up to this size are cheaper as plain products: the fused kernel is made for long rows."""


def attend(
    query: Float[Tensor, "batch head query channel"],
    key: Float[Tensor, "batch head key channel"],
    value: Float[Tensor, "batch head key channel"],
    bias: Float[Tensor, "head query key"] | None = None,
) -> Float[Tensor, "batch head query channel"]:
    """Attention, by the quicker of two exact ways."""
    if query.device.type != "cpu" or query.shape[-2] * key.shape[-2] > _SMALL:
        return F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
    logits = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
    return (logits if bias is None else logits + bias).softmax(dim=-1) @ value


def to_windows(
    x: Float[Tensor, "batch height width channel"], window: int
) -> Float[Tensor, "windows window window channel"]:
    """Cut a grid into square windows, padding it with zeros at the bottom and right where it does not divide."""
    batch, height, width, channels = x.shape
    x = F.pad(x, (0, 0, 0, -width % window, 0, -height % window))
    rows, columns = x.shape[1] // window, x.shape[2] // window
    x = x.view(batch, rows, window, columns, window, channels)
    return x.transpose(2, 3).reshape(-1, window, window, channels)


def from_windows(
    windows: Float[Tensor, "windows window window channel"], size_hw: tuple[int, int]
) -> Float[Tensor, "batch height width channel"]:
    """Put windows back together and cut the padding off: the inverse of `to_windows`."""
    height, width = size_hw
    window, channels = windows.shape[1], windows.shape[-1]
    rows, columns = -(-height // window), -(-width // window)
    x = windows.view(-1, rows, columns, window, window, channels).transpose(2, 3)
    return x.reshape(-1, rows * window, columns * window, channels)[:, :height, :width]


def relative_rows(table: Float[Tensor, "distance channel"], size: int) -> Float[Tensor, "size size channel"]:
    """The table's row for each (query, key) pair of positions along one axis.

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


def attend_with_relative_positions(
    query: Float[Tensor, "batch head token channel"],
    key: Float[Tensor, "batch head token channel"],
    value: Float[Tensor, "batch head token channel"],
    row_table: Float[Tensor, "row_distance channel"],
    column_table: Float[Tensor, "column_distance channel"],
    size_hw: tuple[int, int],
) -> Float[Tensor, "batch head token channel"]:
    """Attention whose logits gain q . R_row + q . R_column (decomposed relative positions, ViTDet section A).

    The bias between a query and a key depends on the key only through its row and its column. So the
    query's products with the tables become extra query channels, and the key gets one-hot codes of its
    row and column: their dot product is the bias, and plain fused attention computes it. No
    token x token array is ever stored. Exact.
    """
    height, width = size_hw
    batch, heads, tokens, channels = query.shape
    grid = query.reshape(batch * heads, height, width, channels)
    by_row = torch.einsum("bhwc,hkc->bhwk", grid, relative_rows(row_table, height).to(query.dtype))
    by_column = torch.einsum("bhwc,wkc->bhwk", grid, relative_rows(column_table, width).to(query.dtype))
    bias_query = torch.cat([by_row, by_column], dim=-1).view(batch, heads, tokens, height + width)
    long_query = torch.cat([query * channels**-0.5, bias_query], dim=-1)
    code = _row_and_column_code(height, width, key)
    long_key = torch.cat([key, code.expand(batch, heads, -1, -1)], dim=-1)
    return F.scaled_dot_product_attention(long_query, long_key, value, scale=1.0)


def _row_and_column_code(height: int, width: int, like: Tensor) -> Float[Tensor, "token code"]:
    rows = torch.eye(height, dtype=like.dtype, device=like.device).repeat_interleave(width, dim=0)
    columns = torch.eye(width, dtype=like.dtype, device=like.device).repeat(height, 1)
    return torch.cat([rows, columns], dim=1)
