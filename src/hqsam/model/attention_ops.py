"""The steps of attention that are not matrix products: into heads and windows, softmax, and back.

They cost memory traffic rather than arithmetic, so an engine may bring its own; here they are as PyTorch has them.
"""

from typing import Literal, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


class AttentionLayout(NamedTuple):
    """How the channels of a projection to queries, keys and values are laid out, and in which windows they attend."""

    heads: int
    qkv_order: Literal["by_head", "by_part"]
    """Each head's query, key and value together (TinyViT); or all queries, then keys, then values (SAM's ViT)."""
    window_hw: tuple[int, int]

    def window_count(self, size_hw: tuple[int, int]) -> int:
        """How many windows cover a grid; the last may stick out."""
        (height, width), (window_height, window_width) = size_hw, self.window_hw
        return -(-height // window_height) * -(-width // window_width)

    def fit(self, size_hw: tuple[int, int]) -> bool:
        """Whether the windows cover a grid exactly."""
        return all(size % window == 0 for size, window in zip(size_hw, self.window_hw, strict=True))


Rows = Float[Tensor, "window head token channel"]
"""Windows of all images, in order."""


@runtime_checkable
class RelativeBiasAttention(Protocol):
    """Attention in windows whose logits gain a bias for how many rows and columns query and key lie apart."""

    def __call__(
        self,
        qkv: Float[Tensor, "image height width three_heads_channel"],
        padding: Float[Tensor, "three_heads_channel"] | None,
        layout: AttentionLayout,
        biases: Float[Tensor, "head rows_apart columns_apart"] | None,
    ) -> Float[Tensor, "image height width head_channel"]:
        """From the projection to what is attended; `padding` as for `AttentionOps.split_heads`."""
        ...


@runtime_checkable
class AttentionOps(Protocol):
    """Who takes them. Logits may be overwritten; all else stays as it is."""

    def split_heads(
        self,
        qkv: Float[Tensor, "image height width three_heads_channel"],
        padding: Float[Tensor, "three_heads_channel"] | None,
        layout: AttentionLayout,
    ) -> tuple[Rows, Rows, Rows]:
        """Queries, scaled by channel^-0.5; keys; and values.

        Windows stick out of the grid at its bottom and right; there all places are as `padding`, which may be None
        where windows fit.
        """
        ...

    def merge_heads(
        self, attended: Rows, layout: AttentionLayout, size_hw: tuple[int, int]
    ) -> Float[Tensor, "image height width head_channel"]:
        """What was attended, put in its place in the grids, heads side by side."""
        ...

    def relative_bias_attention(self, channels: int) -> "RelativeBiasAttention | None":
        """All of attention in one step, for heads of so many channels; None: it is left to the others."""
        ...

    def softmax(
        self, logits: Float[Tensor, "*rows column"], bias: Float[Tensor, "*some_rows column"] | None = None
    ) -> Float[Tensor, "*rows column"]:
        """Of each row, after adding a bias, whose rows come again and again."""
        ...

    def softmax_of_grid(
        self,
        logits: Float[Tensor, "query height*width"],
        by_row: Float[Tensor, "query height"],
        by_column: Float[Tensor, "query width"],
    ) -> Float[Tensor, "query height*width"]:
        """Of each row, after adding to a place of the grid what belongs to its row, and what to its column."""
        ...


class PlainAttentionOps:
    """As PyTorch has them."""

    def split_heads(self, qkv: Tensor, padding: Tensor | None, layout: AttentionLayout) -> tuple[Rows, Rows, Rows]:
        size_hw = (qkv.shape[1], qkv.shape[2])
        windows = to_windows(qkv, layout.window_hw)
        if not layout.fit(size_hw):
            assert padding is not None
            outside = 1 - to_windows(qkv.new_ones(1, *size_hw, 1), layout.window_hw).repeat(len(qkv), 1, 1, 1)
            windows = windows.addcmul(outside, padding.to(windows.dtype))
        tokens = windows.flatten(1, 2)
        if layout.qkv_order == "by_head":
            parts = tokens.unflatten(-1, (layout.heads, 3, -1)).permute(3, 0, 2, 1, 4)
        else:
            parts = tokens.unflatten(-1, (3, layout.heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = parts
        return query * query.shape[-1] ** -0.5, key, value

    def merge_heads(self, attended: Rows, layout: AttentionLayout, size_hw: tuple[int, int]) -> Tensor:
        windows = attended.transpose(1, 2).flatten(2).unflatten(1, layout.window_hw)
        return from_windows(windows, size_hw)

    def relative_bias_attention(self, channels: int) -> None:
        return None

    def softmax(self, logits: Tensor, bias: Tensor | None = None) -> Tensor:
        if bias is not None:
            logits += bias
        return logits.softmax(dim=-1)

    def softmax_of_grid(self, logits: Tensor, by_row: Tensor, by_column: Tensor) -> Tensor:
        grid = logits.view(len(logits), by_row.shape[1], by_column.shape[1])
        grid += by_row[:, :, None]
        grid += by_column[:, None, :]
        return logits.softmax(dim=-1)


PLAIN_OPS = PlainAttentionOps()


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
