"""SAM 2's image encoder: a Hiera, the lateral convolutions of a pyramid, and skip features for the mask decoder."""

from itertools import accumulate

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from hqsam.model.attention_ops import PLAIN_OPS, AttentionLayout, AttentionOps
from hqsam.model.encoders.family import ImageEncoder
from hqsam.model.encoders.hiera.config import HieraConfig
from hqsam.model.features import ImageFeatures
from hqsam.model.layers import Mlp


class HieraEncoder(ImageEncoder):
    """Hiera and its pyramid: the level of stride 16 becomes the image embedding, those of 8 and 4 skip features."""

    def __init__(self, config: HieraConfig, out_channels: int) -> None:
        super().__init__()
        self.trunk = Hiera(config)
        self.lateral = nn.ModuleList(nn.Conv2d(width, out_channels, 1) for width in reversed(config.widths))
        """From the deepest stage to the first."""
        self.skips = nn.ModuleList(nn.Conv2d(out_channels, out_channels // part, 1) for part in (4, 8))
        self.no_memory = nn.Parameter(torch.zeros(1, 1, out_channels))
        """Added to the embedding of an image that stands alone, in the place of memories of a video."""

    def forward(self, images: Float[Tensor, "image 3 height width"]) -> ImageFeatures:
        stages = self.trunk(images)
        fourth, eighth, sixteenth = self.pyramid(stages)
        skips = self.skips[0](eighth), self.skips[1](fourth)
        return ImageFeatures(final=sixteenth + self.no_memory.view(1, -1, 1, 1), early=stages[0], skips=skips)

    def pyramid(
        self, stages: list[Float[Tensor, "image _ _ _"]]
    ) -> tuple[Tensor, Tensor, Float[Tensor, "image channel height width"]]:
        """Return the levels of strides 4, 8 and 16. Only the last gets anything from the level above it."""
        deepest, third, second, first = (
            lateral(stage) for lateral, stage in zip(self.lateral, reversed(stages), strict=True)
        )
        return first, second, third + F.interpolate(deepest, size=third.shape[-2:], mode="nearest")

    def without_memory(self, final: Tensor) -> Tensor:
        return final - self.no_memory.view(1, -1, 1, 1)

    def skip_layers(self) -> list[nn.Module]:
        return list(self.skips)


class Hiera(nn.Module):
    """The blocks of four stages; gives the features of each, at strides 4, 8, 16 and 32."""

    def __init__(self, config: HieraConfig) -> None:
        super().__init__()
        width, window = config.width, config.windows[0]
        self.patches = nn.Conv2d(3, width, 7, stride=4, padding=3)
        self.positions = nn.Parameter(torch.zeros(1, width, config.position_size, config.position_size))
        self.window_positions = nn.Parameter(torch.zeros(1, width, window, window))
        """Positions within a window of the first stage, the same in all of them."""
        self.positions_are_whole = False
        """True where `positions` is the whole map at the image's size, windows included (`engines/fused/hiera.py`)."""
        self.stage_ends = tuple(accumulate(config.depths))
        self.blocks = nn.ModuleList(_blocks(config))

    def forward(
        self, images: Float[Tensor, "image 3 height width"]
    ) -> list[Float[Tensor, "image stage_channel stage_height stage_width"]]:
        """Return the last features of each stage, from the finest to the coarsest."""
        x = self.patches(images)
        x = (x + self.position_map((x.shape[-2], x.shape[-1]))).permute(0, 2, 3, 1).contiguous()
        stages: list[Tensor] = []
        for number, block in enumerate(self.blocks, start=1):
            x = block(x)
            if number in self.stage_ends:
                stages.append(x.permute(0, 3, 1, 2))
        return stages

    def position_map(self, size_hw: tuple[int, int]) -> Float[Tensor, "1 channel height width"]:
        """Return what is added to the patches: the map enlarged to the image, and the windows' own side by side."""
        if self.positions_are_whole:
            return self.positions
        # In float32: where the map is enlarged 36 times, bfloat16 would make steps of it.
        enlarged = F.interpolate(self.positions.float(), size=size_hw, mode="bicubic").to(self.positions.dtype)
        (height, width), (tall, wide) = size_hw, self.window_positions.shape[-2:]
        tiled = self.window_positions.repeat(1, 1, -(-height // tall), -(-width // wide))
        return enlarged + tiled[..., :height, :width]


class HieraBlock(nn.Module):
    """Attention in windows and an MLP, each on normalised input and added to it.

    The first block of a stage also halves the grid: it pools its queries, and what attention is added to.
    """

    def __init__(self, before: int, after: int, heads: int, window: int | None, pool: bool, mlp_ratio: int) -> None:
        super().__init__()
        self.pool, self.window = pool, window
        self.attention_norm = nn.LayerNorm(before, eps=1e-6)
        self.attention = PooledAttention(before, after, heads)
        self.mlp_norm = nn.LayerNorm(after, eps=1e-6)
        self.mlp = Mlp([after, mlp_ratio * after, after], nn.GELU)
        self.shortcut = nn.Linear(before, after) if before != after else None

    def forward(self, x: Float[Tensor, "image height width before"]) -> Float[Tensor, "image rows columns after"]:
        normed = self.attention_norm(x)
        if self.shortcut is not None:
            x = self.shortcut(normed)
            x = _halved(x) if self.pool else x
        x = x + self.attention(normed, self.window, self.pool)
        return x + self.mlp(self.mlp_norm(x))


class PooledAttention(nn.Module):
    """Multi-head attention over a grid or its windows, whose queries may be pooled 2 x 2 by maximum."""

    def __init__(self, before: int, after: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ops: AttentionOps = PLAIN_OPS
        self.qkv = nn.Linear(before, 3 * after)
        self.out = nn.Linear(after, after)

    def forward(
        self, x: Float[Tensor, "image height width before"], window: int | None = None, pool: bool = False
    ) -> Float[Tensor, "image rows columns after"]:
        """Attend over the whole grid, or in windows of a side."""
        size_hw = (x.shape[1], x.shape[2])
        layout = AttentionLayout(self.heads, qkv_order="by_part", window_hw=(window, window) if window else size_hw)
        # Where windows stick out of the grid they see the bias alone, as the weights were trained. LoRA may be wrapped
        # around the layer and have no bias to ask for.
        bias = getattr(self.qkv, "bias", None)
        padding = self.qkv(x.new_zeros(x.shape[-1])) if bias is None else bias
        query, key, value = self.ops.split_heads(self.qkv(x), padding, layout)
        if pool:
            query = _halved(query.flatten(0, 1).unflatten(1, layout.window_hw)).flatten(1, 2)
            query = query.unflatten(0, (-1, self.heads))
            height, width = layout.window_hw
            layout, size_hw = layout._replace(window_hw=(height // 2, width // 2)), (size_hw[0] // 2, size_hw[1] // 2)
        return self.out(self.ops.merge_heads(self.ops.attend(query, key, value), layout, size_hw))


def _blocks(config: HieraConfig) -> list[HieraBlock]:
    blocks: list[HieraBlock] = []
    before = config.width
    for stage, (width, depth) in enumerate(zip(config.widths, config.depths, strict=True)):
        for number in range(depth):
            pool = stage > 0 and number == 0
            # A block that halves the grid still has the windows of the stage that it comes from.
            window = None if len(blocks) in config.global_blocks else config.windows[stage - int(pool)]
            blocks.append(HieraBlock(before, width, config.heads << stage, window, pool, config.mlp_ratio))
            before = width
    return blocks


def _halved(rows: Float[Tensor, "batch height width channel"]) -> Float[Tensor, "batch half_h half_w channel"]:
    """Return the maximum of each 2 x 2 tokens."""
    return F.max_pool2d(rows.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
