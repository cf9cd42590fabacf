"""Attention with relative positions, in windows and over whole images. Queries come scaled."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from hqsam.model.attention_ops import PLAIN_OPS, AttentionOps

_SMALL = 256 * 256
"""On a CPU, attention maps up to this size are cheaper as plain products: the fused kernel is made for long rows."""

_WHOLE = 2**24
"""All maps of a batch, where there is a bias: 32 MB in bfloat16."""

_BLOCK = 512
"""Queries at a time: with 4,096 keys, 4 MB of logits in bfloat16."""


def attend(
    query: Float[Tensor, "batch head query channel"],
    key: Float[Tensor, "batch head key channel"],
    value: Float[Tensor, "batch head key channel"],
    bias: Float[Tensor, "head query key"] | None = None,
    ops: AttentionOps = PLAIN_OPS,
) -> Float[Tensor, "batch head query channel"]:
    """Attention, by the quickest of three exact ways."""
    size, on_cpu = query.shape[-2] * key.shape[-2], query.device.type == "cpu"
    in_blocks = bias is not None and _in_blocks_pays(query)
    if on_cpu and (size <= _SMALL or (in_blocks and size * query.shape[0] * query.shape[1] <= _WHOLE)):
        return ops.softmax(query @ key.transpose(-1, -2), bias) @ value
    if bias is None or not in_blocks:
        return F.scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=1.0)
    table = bias

    def weights(logits: Tensor, head: int, rows: slice) -> Tensor:
        return ops.softmax(logits, table[head % len(table), rows])

    return _attend_in_blocks(query, key, value, weights, _BLOCK)


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
    ops: AttentionOps = PLAIN_OPS,
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
    unscaled = channels**0.5  # positions meet queries before these are scaled
    by_row = torch.einsum("bhwc,hkc->bhwk", grid, relative_rows(row_table * unscaled, height).to(query.dtype))
    by_column = torch.einsum("bhwc,wkc->bhwk", grid, relative_rows(column_table * unscaled, width).to(query.dtype))
    if _in_blocks_pays(query):
        by_row, by_column = by_row.flatten(1, 2), by_column.flatten(1, 2)

        def weights(logits: Tensor, head: int, rows: slice) -> Tensor:
            return ops.softmax_of_grid(logits, by_row[head, rows], by_column[head, rows])

        return _attend_in_blocks(query, key, value, weights, _BLOCK)
    bias_query = torch.cat([by_row, by_column], dim=-1).view(batch, heads, tokens, height + width)
    long_query = torch.cat([query, bias_query], dim=-1)
    code = _row_and_column_code(height, width, key)
    long_key = torch.cat([key, code.expand(batch, heads, -1, -1)], dim=-1)
    if query.device.type == "cpu" and tokens**2 <= _SMALL:
        return ops.softmax(long_query @ long_key.transpose(-1, -2)) @ value
    return F.scaled_dot_product_attention(long_query, long_key, value, scale=1.0)


def _in_blocks_pays(query: Tensor) -> bool:
    """On a CPU, for long rows with a bias: there the fused kernel is slow, or cannot be had."""
    return query.device.type == "cpu" and query.shape[-2] ** 2 > _SMALL and not torch.is_grad_enabled()


def _attend_in_blocks(
    query: Float[Tensor, "batch head token channel"],
    key: Float[Tensor, "batch head token channel"],
    value: Float[Tensor, "batch head token channel"],
    weights: Callable[[Float[Tensor, "query token"], int, slice], Float[Tensor, "query token"]],
    queries: int,
) -> Float[Tensor, "batch head token channel"]:
    """Attention of some rows of queries at a time: their logits stay in the processor's cache, where adding is cheap.

    `weights` makes them of the logits of a head and a slice of the tokens.
    """
    attended = query.new_empty(query.shape)  # in this order, or what is written below would be a copy
    for head, (q, k, v, out) in enumerate(zip(*(x.flatten(0, 1) for x in (query, key, value, attended)), strict=True)):
        for start in range(0, len(q), queries):
            rows = slice(start, min(start + queries, len(q)))
            torch.mm(weights(q[rows] @ k.T, head, rows), v, out=out[rows])
    return attended


def _row_and_column_code(height: int, width: int, like: Tensor) -> Float[Tensor, "token code"]:
    rows = torch.eye(height, dtype=like.dtype, device=like.device).repeat_interleave(width, dim=0)
    columns = torch.eye(width, dtype=like.dtype, device=like.device).repeat(height, 1)
    return torch.cat([rows, columns], dim=1)
