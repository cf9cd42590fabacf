"""Attention on processors: by the quickest of several exact ways. On other devices it is PyTorch's own."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from hqsam.model.attention_ops import AttentionOps, Rows

_SMALL = 256 * 256
"""Attention maps up to this size are cheaper as plain products: PyTorch's fused kernel is made for long rows."""

_WHOLE = 2**24
"""With a bias, all maps of a batch up to this size are made at once: 32 MB in bfloat16."""

_BLOCK = 512
"""Queries attended with at a time: with 4,096 keys, 4 MB of logits in bfloat16."""


class CpuAttentionOps(AttentionOps):
    """Small maps as plain products; long ones with a bias in blocks that stay in the processor's cache."""

    def softmax(
        self, logits: Float[Tensor, "*rows column"], bias: Float[Tensor, "*some_rows column"] | None = None
    ) -> Float[Tensor, "*rows column"]:
        """Return the softmax of each row, after adding a bias, whose rows come again and again."""
        if bias is not None:
            logits += bias
        return logits.softmax(dim=-1)

    def softmax_of_grid(
        self,
        logits: Float[Tensor, "query token"],
        by_row: Float[Tensor, "query height"],
        by_column: Float[Tensor, "query width"],
    ) -> Float[Tensor, "query token"]:
        """Return the softmax of each row, after adding to each token of the grid what its row and column have."""
        grid = logits.view(len(logits), by_row.shape[1], by_column.shape[1])
        grid += by_row[:, :, None]
        grid += by_column[:, None, :]
        return logits.softmax(dim=-1)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None) -> Tensor:
        size = query.shape[-2] * key.shape[-2]
        in_blocks = bias is not None and _blocks_pay(query)
        fits = size <= _SMALL or (in_blocks and size * query.shape[0] * query.shape[1] <= _WHOLE)
        if query.device.type == "cpu" and fits:
            return self.softmax(query @ key.transpose(-1, -2), bias) @ value
        if bias is None or not in_blocks:
            return super().attend(query, key, value, bias)
        table = bias

        def weights(logits: Tensor, head: int, rows: slice) -> Tensor:
            return self.softmax(logits, table[head % len(table), rows])

        return _attend_in_blocks(query, key, value, weights, _BLOCK)

    def attend_on_grid(self, query: Rows, key: Rows, value: Rows, by_row: Tensor, by_column: Tensor) -> Rows:
        if not _blocks_pay(query):
            return super().attend_on_grid(query, key, value, by_row, by_column)
        by_row, by_column = by_row.flatten(0, 1), by_column.flatten(0, 1)

        def weights(logits: Tensor, head: int, rows: slice) -> Tensor:
            return self.softmax_of_grid(logits, by_row[head, rows], by_column[head, rows])

        return _attend_in_blocks(query, key, value, weights, _BLOCK)


CPU_OPS = CpuAttentionOps()


def _blocks_pay(query: Tensor) -> bool:
    """For long rows with a bias, PyTorch's fused kernel is slow on a CPU; blocks give no gradients."""
    return query.device.type == "cpu" and query.shape[-2] ** 2 > _SMALL and not torch.is_grad_enabled()


def _attend_in_blocks(
    query: Float[Tensor, "batch head token channel"],
    key: Float[Tensor, "batch head token channel"],
    value: Float[Tensor, "batch head token channel"],
    weights: Callable[[Float[Tensor, "query token"], int, slice], Float[Tensor, "query token"]],
    queries: int,
) -> Float[Tensor, "batch head token channel"]:
    """Attend with some rows of queries at a time, whose logits stay in the processor's cache.

    `weights` makes them of the logits of a head and a slice of the tokens.
    """
    attended = query.new_empty(query.shape)  # in this order, or what is written below would be a copy
    for head, (q, k, v, out) in enumerate(zip(*(x.flatten(0, 1) for x in (query, key, value, attended)), strict=True)):
        for start in range(0, len(q), queries):
            rows = slice(start, min(start + queries, len(q)))
            torch.mm(weights(q[rows] @ k.T, head, rows), v, out=out[rows])
    return attended
