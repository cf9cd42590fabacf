"""Sizes of EfficientNet-Lite and of its pyramid."""

from dataclasses import dataclass

from hqsam.model.encoders.family import Outline


@dataclass(frozen=True, kw_only=True)
class EfficientNetLiteConfig:
    """EfficientNet-Lite (Tan and Le, 2019, without squeeze-and-excite), and the feature pyramid above it."""

    widths: tuple[int, int, int, int, int, int, int] = (16, 24, 40, 80, 112, 192, 320)
    """Channels of the seven stages, whose strides are 2, 4, 8, 16, 16, 32 and 32."""
    depths: tuple[int, int, int, int, int, int, int] = (1, 2, 2, 3, 3, 4, 1)
    """Blocks of the seven stages."""
    pyramid: tuple[int, int, int, int] = (32, 64, 128, 160)
    """Channels of the pyramid at strides 4, 8, 16 and 32."""
    pyramid_depth: int = 2
    """Convolution blocks of each level of the pyramid."""
    attention_depth: int = 2
    """Attention blocks at stride 32, which see the whole image."""
    attention_heads: int = 5

    @property
    def stride(self) -> int:
        return 16

    @property
    def early_stride(self) -> int:
        return 4

    @property
    def early_width(self) -> int:
        return self.widths[1] + 4 * self.widths[0]

    @property
    def has_skips(self) -> bool:
        return True

    @property
    def outline(self) -> Outline:
        return self.widths, self.depths


EFFICIENTNET_LITES = {
    "lite0": EfficientNetLiteConfig(),
    "lite1": EfficientNetLiteConfig(depths=(1, 3, 3, 4, 4, 5, 1)),
    "lite2": EfficientNetLiteConfig(widths=(16, 24, 48, 88, 120, 208, 352), depths=(1, 3, 3, 4, 4, 5, 1)),
}
"""The sizes that are published with weights of ImageNet, and fit: deeper, and then wider. `nano` has the first."""
