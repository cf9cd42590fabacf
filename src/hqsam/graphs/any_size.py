"""Encoders written so that one graph serves images of every shape.

`BiasedAttention` divides a grid into even windows, whose size depends on the grid. A graph cannot change the shapes of
its windows, so here each has the largest size; what a smaller window has not is hidden from attention. A strided
convolution of EfficientNet-Lite has SAME padding, which depends on whether a side is even; here it is computed in the
graph. The numbers are the same.
"""

from copy import deepcopy

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from hqsam.model.config import ModelConfig
from hqsam.model.encoders.efficientnet_lite.backbone import Bottleneck, EfficientNetLite
from hqsam.model.encoders.efficientnet_lite.encoder import Pyramid, PyramidEncoder
from hqsam.model.encoders.family import ImageEncoder
from hqsam.model.encoders.tiny_vit.encoder import BiasedAttention, TinyVit, WindowBlock, absolute_distances


def takes_any_size(config: ModelConfig, encoder: ImageEncoder) -> bool:
    """Return True if a graph of the encoder takes images of every shape; else it takes the whole square."""
    blocks = (block for block in encoder.modules() if isinstance(block, WindowBlock))
    has_even_windows = isinstance(encoder, TinyVit) and all(b.attention.even_windows for b in blocks)
    return config.padding is not None and (has_even_windows or isinstance(encoder, PyramidEncoder))


def with_any_size(encoder: ImageEncoder) -> ImageEncoder:
    """Return a copy of an encoder, one of those that `takes_any_size` knows, to be traced once for all shapes."""
    copied = deepcopy(encoder)
    for block in copied.modules():
        if isinstance(block, WindowBlock):
            block.attention = AnySizeAttention(block.attention)
        elif isinstance(block, EfficientNetLite):
            block.blocks = nn.ModuleList(AnySizeBottleneck(b) if b.stride == 2 else b for b in _bottlenecks(block))
        elif isinstance(block, PyramidEncoder):
            block.pyramid = AnySizePyramid(block.pyramid)
    return copied


def _bottlenecks(backbone: EfficientNetLite) -> list[Bottleneck]:
    return [block for block in backbone.blocks if isinstance(block, Bottleneck)]


class AnySizeBottleneck(Bottleneck):
    """The same as a `Bottleneck` of stride 2."""

    def __init__(self, plain: Bottleneck) -> None:
        nn.Module.__init__(self)
        assert plain.stride == 2 and not plain.adds
        self.stride, self.side, self.adds = plain.stride, plain.side, plain.adds
        self.widen, self.filter, self.narrow = plain.widen, plain.filter, plain.narrow

    def _filtered(self, wide: Tensor) -> Tensor:
        weight, bias = self.filter.folded()
        # SAME padding: an odd side has one more zero before it than an even one.
        after = self.side // 2
        top, left = (after - 1 + size % 2 for size in wide.shape[-2:])
        padded = F.pad(F.relu6(wide), (left, after, top, after))
        return F.relu6(F.conv2d(padded, weight, bias, self.stride, groups=weight.shape[0]))


class AnySizePyramid(Pyramid):
    """The same as a `Pyramid`, but for its places of tokens: traced, torch.linspace has one length."""

    def __init__(self, plain: Pyramid) -> None:
        nn.Module.__init__(self)
        self.lateral, self.down, self.blocks = plain.lateral, plain.down, plain.blocks
        self.position, self.attention = plain.position, plain.attention

    def grid_of(self, x: Float[Tensor, "image channel height width"]) -> Float[Tensor, "1 2 height width"]:
        height, width = x.shape[-2:]
        rows, columns = (torch.arange(size) * 2 / (size - 1) - 1 for size in (height, width))
        return torch.stack([columns[None].expand(height, width), rows[:, None].expand(height, width)])[None]


class AnySizeAttention(BiasedAttention):
    """The same as `BiasedAttention` with even windows, for one image."""

    def __init__(self, plain: BiasedAttention) -> None:
        nn.Module.__init__(self)
        self.heads, self.window = plain.heads, plain.window
        self.norm, self.qkv, self.out, self.bias = plain.norm, plain.qkv, plain.out, plain.bias
        side = plain.window
        # Looked up in the graph: the whole table for windows of 16 x 16 would be as large as the block's weights.
        self.table = plain.bias if plain.biased else torch.zeros_like(plain.bias)
        self.distances = nn.Buffer(absolute_distances((side, side), side, plain.bias.device).int())
        self.padding = nn.Buffer(self.qkv(self.norm.bias[None])[0].detach())

    def forward(self, x: Float[Tensor, "1 height width channel"]) -> Float[Tensor, "1 height width channel"]:
        side, heads = self.window, self.heads
        rows, columns = _Axis(x.shape[1], side), _Axis(x.shape[2], side)
        qkv = self.qkv(self.norm(x)).index_select(1, rows.taken).index_select(2, columns.taken)
        real = rows.is_real[:, None, None] & columns.is_real[None, :, None]
        qkv = torch.where(real, qkv, self.padding)
        split = qkv.view(rows.windows, side, columns.windows, side, heads, 3, -1).permute(5, 0, 2, 4, 1, 3, 6)
        query, key, value = split.reshape(3, rows.windows * columns.windows, heads, side * side, -1).unbind(0)
        used = (rows.is_used[:, None] & columns.is_used[None, :]).flatten()
        bias = self.table[:, self.distances.long()] + torch.where(used, 0.0, -torch.inf)
        weights = ((query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2) + bias).softmax(dim=-1)
        attended = (weights @ value).view(rows.windows, columns.windows, heads, side, side, -1)
        grid = attended.permute(0, 3, 1, 4, 2, 5).reshape(1, rows.windows * side, columns.windows * side, -1)
        return self.out(grid.index_select(1, rows.back).index_select(2, columns.back))


class _Axis:
    """How one side of a grid is divided: even windows, each in `side` places of which it uses the first."""

    def __init__(self, size: int, side: int) -> None:
        self.windows = (size + side - 1) // side
        # A tensor, since the exporter cannot divide tensors by sizes that it does not know.
        used = torch.full((1,), (size + self.windows - 1) // self.windows, dtype=torch.int64)
        places = torch.arange(self.windows * side)
        at = places // side * used + places % side
        self.taken = at.clamp(max=size - 1)
        self.is_real = at < size
        self.is_used = torch.arange(side) < used
        position = torch.arange(size)
        window = position // used
        self.back = window * side + (position - window * used)
