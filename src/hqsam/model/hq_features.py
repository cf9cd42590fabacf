"""HQ-SAM's part: one token, and features fused from early, final and decoder features (paper, section 3.2)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hqsam.model.config import ModelConfig
from hqsam.model.features import ImageFeatures
from hqsam.model.layers import ChannelNorm, Upscale2x
from hqsam.model.mask_decoder import MaskInputs, apply_filters, filter_head


class HqPart(nn.Module):
    """The HQ token and the fusion of HQ features: all that the paper trains; everything else stays SAM's."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        assert config.hq is not None
        width, pixel_width = config.width, config.width // 8
        self.token = nn.Parameter(torch.randn(1, width))
        self.filter = filter_head(width)
        fuses = config.hq.fuse_encoder
        self.from_early = early_upscaling(config) if fuses else None
        self.from_final = (
            nn.Sequential(
                Upscale2x(width, width // 4),
                ChannelNorm(width // 4),
                nn.GELU(),
                Upscale2x(width // 4, pixel_width),
            )
            if fuses
            else None
        )
        self.from_decoder = nn.Sequential(
            nn.Conv2d(pixel_width, config.hq.fusion_width, 3, padding=1),
            ChannelNorm(config.hq.fusion_width),
            nn.GELU(),
            nn.Conv2d(config.hq.fusion_width, pixel_width, 3, padding=1),
        )

    def image_modules(self) -> tuple[nn.Module, ...]:
        """Return the modules that depend on the image alone; HQ-SAM 2 has none."""
        return tuple(part for part in (self.from_final, self.from_early) if part is not None)

    def image_features(self, features: ImageFeatures) -> Float[Tensor, "image pixel_channel height width"] | None:
        """Return the part of the HQ features that depends on the image alone, or None if none does."""
        if self.from_final is None or self.from_early is None:
            return None
        assert features.early is not None, "the early features were not kept, and are fused into this model's HQ mask"
        return self.from_final(features.final) + self.from_early(features.early)

    def masks(
        self, mask_inputs: MaskInputs, image_features: Float[Tensor, "prompt_or_1 pixel_channel height width"] | None
    ) -> Float[Tensor, "prompt 1 height width"]:
        """Return logits of the HQ mask; the first extra token is the HQ token."""
        pixels = self.from_decoder(mask_inputs.upscaled_embedding)
        pixels = pixels if image_features is None else pixels + image_features
        return apply_filters(self.filter(mask_inputs.extra_tokens[:, :1]), pixels)


def early_upscaling(config: ModelConfig) -> nn.Sequential:
    """Return layers from early features to the resolution of masks, with 2x upscalings as their stride needs."""
    doublings = {1: 0, 2: 1, 4: 2}[config.encoder.early_stride * 4 // config.stride]
    before, width, after = config.encoder.early_width, config.width, config.width // 8
    if doublings == 2:
        return nn.Sequential(Upscale2x(before, width), ChannelNorm(width), nn.GELU(), Upscale2x(width, after))
    widen = nn.Conv2d(before, width // 2, 3, padding=1)
    last = Upscale2x(width // 2, after) if doublings else nn.Conv2d(width // 2, after, 3, padding=1)
    return nn.Sequential(widen, ChannelNorm(width // 2), nn.GELU(), last)
