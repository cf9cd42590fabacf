"""EfficientNet-Lite under a feature pyramid: an encoder of convolutions that also hands out fine features."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from hqsam.model.attention_ops import PLAIN_OPS, AttentionLayout, AttentionOps
from hqsam.model.encoders.efficientnet_lite.backbone import EfficientNetLite
from hqsam.model.encoders.efficientnet_lite.config import EfficientNetLiteConfig
from hqsam.model.encoders.family import ImageEncoder
from hqsam.model.features import ImageFeatures
from hqsam.model.layers import ChannelNorm, ConvBlock, Mlp, Neck


class PyramidEncoder(ImageEncoder):
    """EfficientNet-Lite and a top-down pyramid (Lin et al., 2017), for images of any size.

    The pyramid's level of stride 16 becomes the image embedding; those of strides 8 and 4 are skip features for the
    mask decoder; the backbone's own features of strides 2 and 4 are the early ones.
    """

    def __init__(self, config: EfficientNetLiteConfig, out_channels: int) -> None:
        super().__init__()
        self.backbone = EfficientNetLite(config)
        self.pyramid = Pyramid(config)
        self.neck = Neck(config.pyramid[2], out_channels)
        self.skips = nn.ModuleList(
            nn.Conv2d(before, after, 1)
            for before, after in ((config.pyramid[1], out_channels // 4), (config.pyramid[0], out_channels // 8))
        )

    def forward(self, images: Float[Tensor, "image 3 height width"]) -> ImageFeatures:
        half, *levels = self.backbone(images)
        fourth, eighth, sixteenth = self.pyramid(levels)
        early = torch.cat([levels[0], F.pixel_unshuffle(half, 2)], dim=1)
        skips = tuple(project(level) for project, level in zip(self.skips, (eighth, fourth), strict=True))
        return ImageFeatures(final=self.neck(sixteenth), early=early, skips=skips)

    def skip_layers(self) -> list[nn.Module]:
        return list(self.skips)


class Pyramid(nn.Module):
    """From the coarsest level, which attends to the whole image, down to the finest."""

    def __init__(self, config: EfficientNetLiteConfig) -> None:
        super().__init__()
        widths = config.pyramid
        before = tuple(config.widths[stage] for stage in (1, 2, 4, 6))
        # Norms, because features of strides 4 to 32 come at scales from 1 to 40.
        self.lateral = nn.ModuleList(
            nn.Sequential(nn.Conv2d(*pair, 1), ChannelNorm(pair[1])) for pair in zip(before, widths, strict=True)
        )
        self.down = nn.ModuleList(nn.Conv2d(widths[level + 1], widths[level], 1) for level in range(3))
        self.blocks = nn.ModuleList(
            nn.Sequential(*(ConvBlock(width) for _ in range(config.pyramid_depth))) for width in widths
        )
        self.position = nn.Conv2d(2, widths[3], 1)
        self.attention = nn.ModuleList(
            GlobalAttention(widths[3], config.attention_heads) for _ in range(config.attention_depth)
        )

    def forward(self, levels: list[Tensor]) -> list[Float[Tensor, "image channel height width"]]:
        """Return the levels of strides 4, 8 and 16, of the backbone's of strides 4 to 32."""
        coarse = self.lateral[3](levels[3])
        coarse = self.blocks[3](coarse + self.position(self.grid_of(coarse)))
        for attention in self.attention:
            coarse = attention(coarse)
        found: list[Tensor] = []
        for level in (2, 1, 0):
            fine = self.lateral[level](levels[level])
            # Projected before it is enlarged, which gives the same and costs a fourth.
            wider = F.interpolate(self.down[level](coarse), size=fine.shape[-2:], mode="bilinear")
            coarse = self.blocks[level](fine + wider)
            found.insert(0, coarse)
        return found

    def grid_of(self, x: Float[Tensor, "image channel height width"]) -> Float[Tensor, "1 2 height width"]:
        """Return x and y of each token, from -1 at the image's first to 1 at its last."""
        rows, columns = (torch.linspace(-1, 1, size, dtype=x.dtype, device=x.device) for size in x.shape[-2:])
        return torch.stack(torch.meshgrid(columns, rows, indexing="xy"))[None]


class GlobalAttention(nn.Module):
    """Attention of each token to all of the image, and an MLP."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ops: AttentionOps = PLAIN_OPS
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        """All queries, then all keys, then all values."""
        self.out = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = Mlp([width, 2 * width, width], nn.GELU)

    def forward(self, x: Float[Tensor, "image channel height width"]) -> Float[Tensor, "image channel height width"]:
        rows = x.permute(0, 2, 3, 1)
        size_hw = (rows.shape[1], rows.shape[2])
        layout = AttentionLayout(self.heads, qkv_order="by_part", window_hw=size_hw)
        query, key, value = self.ops.split_heads(self.qkv(self.norm(rows)), None, layout)
        attended = self.ops.merge_heads(self.ops.attend(query, key, value), layout, size_hw)
        rows = rows + self.out(attended)
        return (rows + self.mlp(self.mlp_norm(rows))).permute(0, 3, 1, 2)
