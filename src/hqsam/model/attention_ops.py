"""The operations of attention beside its projections: into heads and windows, softmax, and back.

They cost memory traffic rather than arithmetic, so an engine may bring its own. Here they are as PyTorch has them.
"""

from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class AttentionLayout(NamedTuple):
    """The order of a projection's channels to queries, keys and values, and the windows that they attend in."""

    heads: int
    qkv_order: Literal["by_head", "by_part"]
    """Each head's query, key and value together (TinyViT); or all queries, then keys, then values (SAM's ViT)."""
    window_hw: tuple[int, int]

    def window_count(self, size_hw: tuple[int, int]) -> int:
        """Return how many windows cover a grid; the last of a row or column may stick out."""
        (height, width), (window_height, window_width) = size_hw, self.window_hw
        return -(-height // window_height) * -(-width // window_width)

    def fits(self, size_hw: tuple[int, int]) -> bool:
        """Return whether the windows cover a grid exactly."""
        return all(size % window == 0 for size, window in zip(size_hw, self.window_hw, strict=True))


Rows = Float[Tensor, "window head token channel"]
"""Windows of all images, in order."""


class AttentionOps:
    """The operations as PyTorch has them. Engines override them; logits may be overwritten, all else stays as it is."""

    def split_heads(
        self,
        qkv: Float[Tensor, "image height width three_heads_channel"],
        padding: Float[Tensor, "three_heads_channel"] | None,
        layout: AttentionLayout,
    ) -> tuple[Rows, Rows, Rows]:
        """Cut a projection into the queries (scaled by channel^-0.5), keys and values of windows and heads.

        Windows stick out of the grid at its bottom and right; there all tokens are `padding`, which may be None where
        windows fit.
        """
        size_hw = (qkv.shape[1], qkv.shape[2])
        windows = to_windows(qkv, layout.window_hw)
        if not layout.fits(size_hw):
            assert padding is not None
            inside = to_windows(qkv.new_ones(1, *size_hw, 1), layout.window_hw).repeat(len(qkv), 1, 1, 1) > 0
            windows = torch.where(inside, windows, padding.to(windows.dtype))
        tokens = windows.flatten(1, 2)
        if layout.qkv_order == "by_head":
            parts = tokens.unflatten(-1, (layout.heads, 3, -1)).permute(3, 0, 2, 1, 4)
        else:
            parts = tokens.unflatten(-1, (3, layout.heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = parts
        return query * query.shape[-1] ** -0.5, key, value

    def merge_heads(
        self, attended: Rows, layout: AttentionLayout, size_hw: tuple[int, int]
    ) -> Float[Tensor, "image height width head_channel"]:
        """Put windows back together to grids, heads side by side: the inverse of `split_heads`."""
        windows = attended.transpose(1, 2).flatten(2).unflatten(1, layout.window_hw)
        return from_windows(windows, size_hw)

    def attend(
        self,
        query: Float[Tensor, "batch head query channel"],
        key: Float[Tensor, "batch head key channel"],
        value: Float[Tensor, "batch head key value_channel"],
        bias: Float[Tensor, "head query key"] | None = None,
    ) -> Float[Tensor, "batch head query value_channel"]:
        """Return softmax(query key^T + bias) value; queries come scaled."""
        return F.scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=1.0)

    def attend_on_grid(
        self,
        query: Rows,
        key: Rows,
        value: Rows,
        by_row: Float[Tensor, "window head token height"],
        by_column: Float[Tensor, "window head token width"],
    ) -> Rows:
        """Return attention whose bias depends on a key's row and on its column alone.

        Tokens are a grid, row by row; `by_row` and `by_column` are what each query adds for each row and column.
        """
        # The bias is a product, too: of the query's further channels with one-hot codes of the key's row and column.
        # So plain fused attention computes it, and no token x token array is stored.
        height, width = by_row.shape[-1], by_column.shape[-1]
        rows = torch.eye(height, dtype=key.dtype, device=key.device).repeat_interleave(width, dim=0)
        columns = torch.eye(width, dtype=key.dtype, device=key.device).repeat(height, 1)
        code = torch.cat([rows, columns], dim=1).expand(*key.shape[:2], -1, -1)
        return self.attend(torch.cat([query, by_row, by_column], dim=-1), torch.cat([key, code], dim=-1), value)


PLAIN_OPS = AttentionOps()


def set_attention_ops(module: nn.Module, ops: AttentionOps) -> None:
    """Let all attention in a module be computed by `ops`."""
    for child in module.modules():
        if isinstance(getattr(child, "ops", None), AttentionOps):
            setattr(child, "ops", ops)  # noqa: B010  (a module's attributes are typed as tensors and modules)


def to_windows(
    x: Float[Tensor, "image height width channel"], window_hw: tuple[int, int]
) -> Float[Tensor, "window window_height window_width channel"]:
    """Cut grids into windows, with zeros at the bottom and right where they do not fit."""
    (images, height, width, channels), (window_height, window_width) = x.shape, window_hw
    if (height, width) == window_hw:
        return x
    x = F.pad(x, (0, 0, 0, -width % window_width, 0, -height % window_height))
    rows, columns = x.shape[1] // window_height, x.shape[2] // window_width
    x = x.view(images, rows, window_height, columns, window_width, channels)
    return x.transpose(2, 3).reshape(-1, window_height, window_width, channels)


def from_windows(
    windows: Float[Tensor, "window window_height window_width channel"], size_hw: tuple[int, int]
) -> Float[Tensor, "image height width channel"]:
    """Put windows back together and cut off what sticks out: the inverse of `to_windows`."""
    (height, width), (_, window_height, window_width, channels) = size_hw, windows.shape
    if size_hw == (window_height, window_width):
        return windows
    rows, columns = -(-height // window_height), -(-width // window_width)
    x = windows.view(-1, rows, columns, window_height, window_width, channels).transpose(2, 3)
    x = x.reshape(-1, rows * window_height, columns * window_width, channels)[:, :height, :width]
    return x.contiguous()  # a linear layer would read the cut grid as many small matrices
